package keypad

import (
	"image"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/image/math/fixed"
	"pgregory.net/rapid"
)

func TestNamesAreShownAsWellAsTheFontCan(t *testing.T) {
	p, _ := testPainter(t, image.Pt(240, 320))
	for in, want := range map[string]string{
		"Ada Lovelace":             "Ada Lovelace",
		"Jürgen Groß":              "Jürgen Groß",
		"Ju\u0308rgen":             "Jürgen", // u and a diaeresis of its own
		"Łukasz Świątek":           "Łukasz Świątek",
		"Иван Ѓорѓи":               "Иван Ѓорѓи",
		"Ελένη":                    "Ελένη",
		"Nguyễn Văn Mạnh":          "Nguyên Văn Manh",
		"李明":                       "",
		"Ada 李明":                   "Ada …",
		"李 Ada":                    "… Ada",
		"  two\n lines\t ":         "two lines",
		"a\u200bb\u202ec\x00d\x7f": "abcd",
		"bad \xff\xfe bytes":       "bad bytes",
		"…":                        "",
		"":                         "",
		"7":                        "7",
	} {
		if got := p.faces.body.legible(in); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
}

func TestEachFaceDrawsTheSameCharacters(t *testing.T) {
	p, _ := testPainter(t, image.Pt(240, 320))
	for r := rune(0); r <= unicode.MaxRune; r++ {
		for _, f := range []*face{p.faces.digit, p.faces.headline, p.faces.body, p.faces.note, p.faces.label, p.faces.fine} {
			if f.has(r) != p.faces.title.has(r) {
				t.Fatalf("%U is drawn in one face and not in another", r)
			}
		}
	}
}

func TestANameThatCannotBeShownIsLeftOut(t *testing.T) {
	v := View{Screen: Granted, User: "李明", Door: "正门"}
	p, _ := testPainter(t, image.Pt(240, 320))
	s, plain := scene{view: v}, scene{view: View{Screen: Granted}}
	p.draw(&s)
	got := slices.Clone(p.pix)
	p.draw(&plain)
	if !slices.Equal(got, p.pix) {
		t.Error("it leaves a trace")
	}
}

func TestLinesKeepTheirWidthAndLoseNoWord(t *testing.T) {
	p, _ := testPainter(t, image.Pt(240, 320))
	f := p.faces.body
	rapid.Check(t, func(t *rapid.T) {
		s := f.legible(rapid.StringOfN(rapid.RuneFrom([]rune("aäWi -–/,.")), 0, 120, -1).Draw(t, "s"))
		width, n := rapid.IntRange(30, 240).Draw(t, "width"), rapid.IntRange(1, 6).Draw(t, "n")
		lines := f.wrap(s, width, n)
		if len(lines) > n {
			t.Fatalf("%d lines of %d: %q", len(lines), n, lines)
		}
		bare := func(s string) string { return strings.ReplaceAll(s, " ", "") }
		for _, l := range lines {
			if f.width(l) > fixed.I(width) {
				t.Fatalf("%q is wider than %d", l, width)
			}
			if l == "" || l != strings.Trim(l, " ") {
				t.Fatalf("a line %q of %q", l, lines)
			}
		}
		all := bare(strings.Join(lines, ""))
		if cut, was := strings.CutSuffix(all, "…"); was {
			if !strings.HasPrefix(bare(s), cut) {
				t.Fatalf("%q became %q", s, lines)
			}
		} else if all != bare(s) {
			t.Fatalf("%q became %q", s, lines)
		}
	})
}

func TestLinesAreEven(t *testing.T) {
	p, _ := testPainter(t, image.Pt(240, 320))
	got := p.faces.body.wrap("Use your card or ask for the door to be opened", 216, 3)
	if want := []string{"Use your card or ask for", "the door to be opened"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestAGreetingKeepsANameTogetherWhereThereIsRoom(t *testing.T) {
	p, _ := testPainter(t, image.Pt(240, 320))
	f := p.faces.headline
	for s, want := range map[string][]string{
		"Prego, Ada Lovelace":              {"Prego,", "Ada Lovelace"},
		"Prego, Ada":                       {"Prego, Ada"},
		"Prego, Maximiliane Schwarzenberg": {"Prego, Maximiliane", "Schwarzenberg"},
	} {
		if got := f.wrap(s, 220, 2); !slices.Equal(got, want) {
			t.Errorf("%q is broken into %q, want %q", s, got, want)
		}
	}
}

func TestAHugeTextCostsLittle(t *testing.T) {
	p, _ := testPainter(t, image.Pt(240, 320))
	got := p.faces.body.legible(strings.Repeat("ä", 1<<20))
	if n := len([]rune(got)); n != 240+1 || !strings.HasSuffix(got, "ä…") {
		t.Errorf("%d letters are left", n)
	}
}
