package main

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"latchkey/keypad"
	"latchkey/sync/wire"
)

func TestTheControllerKnowsWhichLettersThePanelDraws(t *testing.T) {
	legible, err := keypad.Legible()
	if err != nil {
		t.Fatal(err)
	}
	// Most of Unicode is neither here nor there: it is looked at by the hundred.
	const at = 100
	for first := rune(0); first <= unicode.MaxRune; first += at {
		var several strings.Builder
		for r := first; r < first+at && r <= unicode.MaxRune; r++ {
			several.WriteString("a" + string(r))
		}
		shown, _ := wire.Shown(several.String())
		if shown == legible(several.String()) && shown == strings.Repeat("a…", at) {
			continue
		}
		for r := first; r < first+at; r++ {
			text := "a" + string(r)
			shown, lacks := wire.Shown(text)
			panel := legible(text)
			if shown != panel {
				t.Errorf("%U: the controller says %q, and the panel shows %q", r, shown, panel)
			}
			unseen := unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || !strings.ContainsRune(text, r)
			whole := norm.NFC.String(text)
			if !unseen && (len(lacks) == 0) != (panel == whole) {
				t.Errorf("%U: it lacks %q, and %q is shown as %q", r, lacks, whole, panel)
			}
			if class, _ := bidi.LookupRune(r); !unseen && len(lacks) == 0 && (class.Class() == bidi.R || class.Class() == bidi.AL) {
				t.Errorf("%U is drawn, and from left to right", r)
			}
			if unicode.In(r, unicode.Arabic, unicode.Hebrew, unicode.Thai, unicode.Devanagari, unicode.Han, unicode.Hangul) && unicode.IsLetter(r) && len(lacks) == 0 {
				t.Errorf("%U is drawn without its shape", r)
			}
		}
	}
}

func TestTheControllerKnowsWhatThePanelShowsOfAName(t *testing.T) {
	legible, err := keypad.Legible()
	if err != nil {
		t.Fatal(err)
	}
	letters := []rune("aZéỄạ李明정אبก…-' \u0301\u093f\u200d\ufb01\u2126Ж")
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringOfN(rapid.RuneFrom(letters), 0, 40, -1), rapid.StringN(0, 40, -1)).Draw(t, "text")
		shown, lacks := wire.Shown(text)
		if got := legible(text); got != shown {
			t.Fatalf("%q: the controller says %q, and the panel shows %q", text, shown, got)
		}
		if len(slices.Compact(slices.Sorted(slices.Values(lacks)))) != len(lacks) {
			t.Fatalf("%q", lacks)
		}
	})
}
