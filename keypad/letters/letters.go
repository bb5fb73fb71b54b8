// Package letters says what a reader's panel shows of a text that people wrote.
package letters

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// longest is how many runes of a text count; no screen has room for more.
const longest = 240

// Shown returns what is shown of a text by a panel that can draw the characters for
// which has returns true, and the letters and marks that it cannot draw, each once.
// What is shown is one line, without repeated spaces. A letter that cannot be drawn is
// shown with as many of its marks as possible (ễ as ê, ạ as a), and a run of letters
// that cannot be shown at all as an ellipsis. If no letter or digit is left, nothing
// is shown.
func Shown(text string, has func(rune) bool) (shown string, lacks []rune) {
	var out strings.Builder
	letters, gap, space := false, false, false
	put := func(r rune) {
		if space && out.Len() > 0 {
			out.WriteByte(' ')
		}
		space = false
		out.WriteRune(r)
		gap = false
		letters = letters || unicode.IsLetter(r) || unicode.IsNumber(r)
	}
	lack := func(r rune) {
		if !slices.Contains(lacks, r) {
			lacks = append(lacks, r)
		}
	}
	n := 0
	for _, r := range norm.NFC.String(bounded(text)) {
		if n++; n > longest {
			put('…')
			break
		}
		switch {
		case unicode.IsSpace(r):
			space = true
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
		case unicode.Is(unicode.Mn, r):
			lack(r)
		case has(r):
			put(r)
		default:
			lack(r)
			if b, ok := base(r, has); ok {
				put(b)
			} else if !gap {
				put('…')
				gap = true
			}
		}
	}
	if !letters {
		return "", lacks
	}
	return out.String(), lacks
}

// base returns r with as many of its marks as can be drawn.
func base(r rune, has func(rune) bool) (rune, bool) {
	for d := []rune(norm.NFD.String(string(r))); len(d) > 0; d = d[:len(d)-1] {
		if c := []rune(norm.NFC.String(string(d))); len(c) == 1 && has(c[0]) {
			return c[0], true
		}
	}
	return 0, false
}

// bounded cuts a text to what may count for Shown, so that one of a megabyte costs
// little.
func bounded(s string) string {
	if len(s) > 8*longest {
		s = s[:8*longest]
	}
	return strings.ToValidUTF8(s, "")
}
