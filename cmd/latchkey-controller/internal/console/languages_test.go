package console

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

func TestTheLanguagesToChooseFromAreThoseThatReadersSpeak(t *testing.T) {
	files, err := filepath.Glob("../../../../keypad/languages/*.toml")
	if err != nil {
		t.Fatal(err)
	}
	offered := screenLanguages("")
	for _, file := range files {
		var language struct {
			Name string `toml:"name"`
		}
		if _, err := toml.DecodeFile(file, &language); err != nil {
			t.Fatal(err)
		}
		tag := strings.TrimSuffix(filepath.Base(file), ".toml")
		if !slices.Contains(offered, screenLanguage{tag, language.Name}) {
			t.Errorf("%s (%s) cannot be chosen", tag, language.Name)
		}
	}
	if len(offered) != len(files) {
		t.Errorf("%d can be chosen, and readers speak %d", len(offered), len(files))
	}
}
