package desk

import (
	"slices"
	"strings"
	"unicode"
)

// say returns a sentence. Each %s stands for a name, which is emphasized, and %% for
// a percent sign. Escape other text before it becomes part of format.
func say(format string, names ...string) Text {
	var text Text
	var plain strings.Builder
	end := func() {
		if plain.Len() > 0 {
			text = append(text, Phrase{plain.String(), false})
			plain.Reset()
		}
	}
	for i := 0; i < len(format); i++ {
		switch rest := format[i:]; {
		case strings.HasPrefix(rest, "%%"):
			plain.WriteByte('%')
			i++
		case strings.HasPrefix(rest, "%s"):
			end()
			text, names = append(text, Phrase{Clean(names[0]), true}), names[1:]
			i++
		default:
			plain.WriteByte(format[i])
		}
	}
	end()
	return text
}

// escape makes text safe as part of say's format.
func escape(text string) string { return strings.ReplaceAll(Clean(text), "%", "%%") }

// Clean replaces control and bidirectional characters, which could move a terminal's
// cursor or reverse a line: a compromised reader can send anything.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// because returns ": reason", or nothing. A reason that continues the sentence
// follows without the colon.
func because(reason string) string {
	if reason == "" {
		return ""
	}
	first, _, _ := strings.Cut(reason, " ")
	if slices.Contains([]string{"and", "as", "everywhere", "for", "from", "off", "on", "to", "with"}, first) {
		return " " + escape(reason)
	}
	return ": " + escape(reason)
}
