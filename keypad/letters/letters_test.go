package letters

import (
	"slices"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestOfAnyTextTheShownPartIsDrawnAndEachLackingLetterNamedOnce(t *testing.T) {
	some := []rune("aZéỄạ李明정אبก…-' \u0301\u093f\u200d\ufb01\u2126Ж")
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringOfN(rapid.RuneFrom(some), 0, 40, -1), rapid.StringN(0, 400, -1)).Draw(t, "text")
		shown, lacks := Shown(text, Panel)
		for _, r := range shown {
			if r != ' ' && !Panel(r) {
				t.Fatalf("%q is shown as %q: %U is not drawn", text, shown, r)
			}
		}
		if again, more := Shown(shown, Panel); again != shown || len(more) > 0 || utf8.RuneCountInString(shown) > longest+1 {
			t.Fatalf("%q is shown as %q, and that as %q, without %q", text, shown, again, more)
		}
		if len(slices.Compact(slices.Sorted(slices.Values(lacks)))) != len(lacks) {
			t.Fatalf("%q", lacks)
		}
	})
}
