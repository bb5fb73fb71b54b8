package console

import (
	"fmt"
	"net/http"
	"slices"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

func screenForm(p *wire.Policy) *form {
	f := newForm("revision", fmt.Sprint(p.Revision), "greeting", p.Greeting, "language", p.Screen.Language)
	for name, field := range screenToggles(p) {
		tick(f, name, *field)
	}
	return f
}

// screenToggles are the on-off settings of a reader's Screen tab.
func screenToggles(p *wire.Policy) map[string]*bool {
	return map[string]*bool{"large-text": &p.Screen.LargeText, "high-contrast": &p.Screen.HighContrast, "system-time": &p.SystemTime}
}

func (c *Console) setScreen(r *http.Request, v *visit, f *form) (answer, error) {
	err := c.savePolicy(r, v, f, func(p *wire.Policy) {
		p.Greeting, p.Screen.Language = f.Trim("greeting"), f.Trim("language")
		for name, field := range screenToggles(p) {
			*field = f.Has(name, "on")
		}
	})
	return answer{to: readerURL(r, "screen"), notice: language.Say("Saved. The reader is told now.")}, err
}

// A screenLanguage is a language of readers' screens: its tag (RFC 5646) and its own
// name.
type screenLanguage struct{ Tag, Name string }

// screenLanguages returns the languages to choose from: those of this program's
// readers, which a test compares, and the current one if it is another (a reader uses
// the nearest that it has).
func screenLanguages(set string) []screenLanguage {
	all := []screenLanguage{
		{"en", "English"}, {"de", "Deutsch"}, {"fr", "Français"}, {"es", "Español"},
		{"it", "Italiano"}, {"nl", "Nederlands"}, {"pl", "Polski"}, {"pt", "Português"},
	}
	if set != "" && !slices.ContainsFunc(all, func(t screenLanguage) bool { return t.Tag == set }) {
		all = append(all, screenLanguage{set, set})
	}
	return all
}
