package keypad

import (
	"image"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/unicode/norm"

	"latchkey/keypad/letters"
)

func TestProgramsWithoutTheFontsKnowWhichLettersThePanelDraws(t *testing.T) {
	p, _ := testPainter(t, image.Pt(240, 320))
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			continue // never asked about
		}
		if letters.Panel(r) != p.faces.title.has(r) && !unicode.Is(unicode.Mn, r) {
			t.Errorf("%U is in the fonts: %v; it is known to be: %v", r, p.faces.title.has(r), letters.Panel(r))
		}
	}
}

func TestWhatThePanelDrawsNeedsNoShaping(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		text := "a" + string(r)
		if unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || !strings.ContainsRune(text, r) {
			continue
		}
		shown, lacks := letters.Shown(text, letters.Panel)
		if whole := norm.NFC.String(text); (len(lacks) == 0) != (shown == whole) {
			t.Errorf("%U: it lacks %q, and %q is shown as %q", r, lacks, whole, shown)
		}
		if len(lacks) > 0 {
			continue
		}
		if class, _ := bidi.LookupRune(r); class.Class() == bidi.R || class.Class() == bidi.AL {
			t.Errorf("%U is drawn, and from left to right", r)
		}
		if unicode.In(r, unicode.Arabic, unicode.Hebrew, unicode.Thai, unicode.Devanagari, unicode.Han, unicode.Hangul) && unicode.IsLetter(r) {
			t.Errorf("%U is drawn without its shape", r)
		}
	}
}
