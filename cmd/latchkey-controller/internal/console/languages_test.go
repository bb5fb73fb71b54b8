package console

import (
	"slices"
	"testing"

	"latchkey/keypad"
)

func TestTheLanguagesToChooseFromAreThoseThatReadersSpeak(t *testing.T) {
	offered := screenLanguages("")
	for _, l := range keypad.Languages() {
		if !slices.Contains(offered, screenLanguage{l.String(), l.Name()}) {
			t.Errorf("%s (%s) cannot be chosen", l, l.Name())
		}
	}
	if len(offered) != len(keypad.Languages()) {
		t.Errorf("%d can be chosen, and readers speak %d", len(offered), len(keypad.Languages()))
	}
}
