package console

import (
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

func TestTheLanguagesToChooseFromAreThoseThatReadersSpeak(t *testing.T) {
	files, err := filepath.Glob("../../../../keypad/languages/*.toml")
	if err != nil {
		t.Fatal(err)
	}
	offered := screenLanguages("")
	for _, file := range files {
		var speaks struct {
			Name string `toml:"name"`
		}
		if _, err := toml.DecodeFile(file, &speaks); err != nil {
			t.Fatal(err)
		}
		tag := strings.TrimSuffix(filepath.Base(file), ".toml")
		if !slices.Contains(offered, screenLanguage{tag, speaks.Name}) {
			t.Errorf("%s (%s) cannot be chosen", tag, speaks.Name)
		}
	}
	if len(offered) != len(files) {
		t.Errorf("%d can be chosen, and readers speak %d", len(offered), len(files))
	}
}

func TestTheConsoleSpeaksTheLanguagesThatReadersSpeak(t *testing.T) {
	var speaks []screenLanguage
	for _, l := range language.New().All() {
		speaks = append(speaks, screenLanguage{l.Tag, l.Name})
	}
	byTag := func(a, b screenLanguage) int { return strings.Compare(a.Tag, b.Tag) }
	if want := slices.SortedFunc(slices.Values(screenLanguages("")), byTag); !slices.Equal(slices.SortedFunc(slices.Values(speaks), byTag), want) {
		t.Errorf("%v, not %v", speaks, want)
	}
}

func TestALanguageIsChosenOrTheBrowsers(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	b.get("/settings").shows(t, http.StatusOK, `<html lang="en"`)
	b.in("de").get("/settings").shows(t, http.StatusOK, `<html lang="de"`, `<option value="de" lang="de" selected>Deutsch</option>`)
	b.in("xx").get("/settings").shows(t, http.StatusOK, `<html lang="en"`)
	nobody := w.visitor("")
	for accepted, want := range map[string]string{"pl,en;q=0.5": "pl", "de-CH, fr;q=0.9": "de", "pt-BR": "pt", "ja, it;q=0.2": "it", "ja": "en", "*": "en", "=;": "en", "": "en"} {
		nobody.accepts = accepted
		nobody.get("/sign-in").shows(t, http.StatusOK, `<html lang="`+want+`"`)
	}
	if got := nobody.post("/language", "console-language", "fr"); !strings.Contains(got.body, `<html lang="fr"`) {
		t.Error("the choice is not kept")
	}
}
