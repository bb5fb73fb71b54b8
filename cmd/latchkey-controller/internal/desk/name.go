package desk

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	nonJoiner = '\u200c'
	joiner    = '\u200d'
	keycap    = '\u20e3'
	virama    = 9 // its canonical combining class

	// blanks are invisible but not spaces in Unicode: the Hangul fillers and the
	// blank Braille pattern.
	blanks = "\u115f\u1160\u3164\uffa0\u2800"

	// unjoined are Arabic letters that never join the next one: a non-joiner after
	// them has no effect.
	unjoined = "ءآأؤإاةدذرزوٱڈڑژۀۃۆۇۈۋەۓے"
)

// TidyName normalizes a name, or another short text for a screen: NFC, trimmed,
// single spaces, and without invisible characters: format characters, tags,
// default-ignorable characters, noncharacters, and marks and variation selectors
// without a base. It keeps joiners where they have an effect: after a virama, between
// emoji, and the non-joiner between Arabic letters. It also keeps control and
// bidirectional characters, for a later check to refuse.
func TidyName(text string) string {
	if !utf8.ValidString(text) {
		return text // a later check refuses it
	}
	for {
		tidy := tidied(text)
		if tidy == text {
			return text
		}
		text = tidy // a removed character may have been another's base
	}
}

// tidied is one pass of TidyName.
func tidied(text string) string {
	runes := []rune(strings.TrimSpace(text))
	kept := make([]rune, 0, len(runes))
	for i, r := range runes {
		before, after := ' ', ' '
		if len(kept) > 0 {
			before = kept[len(kept)-1]
		}
		if i+1 < len(runes) {
			after = runes[i+1]
		}
		switch {
		case unicode.Is(unicode.Zs, r) || strings.ContainsRune(blanks, r):
			if len(kept) > 0 && before != ' ' {
				kept = append(kept, ' ')
			}
		case unseen(r, before, after):
		default:
			kept = append(kept, r)
		}
	}
	return norm.NFC.String(strings.TrimSpace(string(kept)))
}

// unseen says whether r is invisible between these two.
func unseen(r, before, after rune) bool {
	switch {
	case unicode.In(r, unicode.Bidi_Control):
		return false
	case r == joiner:
		return !isVirama(before) && !(isEmoji(before) && isEmoji(after))
	case r == nonJoiner:
		return !(isVirama(before) && unicode.IsLetter(after)) && !separates(before, after)
	case unicode.In(r, unicode.Variation_Selector):
		return !varies(r, before, after)
	case unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Noncharacter_Code_Point):
		return true
	}
	return unicode.IsMark(r) && (before == ' ' || unicode.IsControl(before))
}

func isVirama(r rune) bool { return norm.NFC.PropertiesString(string(r)).CCC() == virama }

// isEmoji says whether r may be part of a multi-character emoji.
func isEmoji(r rune) bool {
	return r == '©' || r == '®' || r == '\ufe0f' || r >= '\u2190' && unicode.In(r, unicode.So, unicode.Sm, unicode.Sk)
}

// separates says whether a non-joiner between these two changes their shapes.
func separates(before, after rune) bool {
	return unicode.Is(unicode.Arabic, before) && !strings.ContainsRune(unjoined, before) &&
		unicode.Is(unicode.Arabic, after) && unicode.IsLetter(before) && unicode.IsLetter(after)
}

// varies says whether a variation selector has an effect.
func varies(r, before, after rune) bool {
	switch {
	case unicode.In(before, unicode.Variation_Selector):
		return false
	case r == '\ufe0e' || r == '\ufe0f':
		return isEmoji(before) || after == keycap
	case r <= '\u180f':
		return unicode.In(before, unicode.Mongolian) && unicode.IsLetter(before)
	}
	return unicode.Is(unicode.Han, before)
}
