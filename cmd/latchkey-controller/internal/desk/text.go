package desk

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// nameMark encloses the names in say's sentence. Neither Clean nor escape lets it
// through.
const nameMark = "\x00"

// say returns a sentence. Each %s stands for a name, which is emphasized, and %% for
// a percent sign. Escape other text before it becomes part of format.
func say(format string, names ...string) Text {
	marked := make([]any, len(names))
	for i, name := range names {
		marked[i] = nameMark + Clean(name) + nameMark
	}
	var text Text
	for i, part := range strings.Split(fmt.Sprintf(format, marked...), nameMark) {
		if name := i%2 == 1; name || part != "" {
			text = append(text, Phrase{part, name})
		}
	}
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
	if slices.Contains([]string{"and", "as", "everywhere", "for", "from", "instead", "off", "on", "to", "with"}, first) {
		return " " + escape(reason)
	}
	return ": " + escape(reason)
}

// cut returns at most n bytes of text, valid UTF-8.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "")
}

// count returns a number of things as text: "1 PIN", "2 PINs".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// waitText returns a wait as text, rounded up: "40 seconds", "3 minutes".
func waitText(d time.Duration) string {
	n := int((d + time.Second - 1) / time.Second)
	if n > 90 {
		return count((n+59)/60, "minute")
	}
	return count(n, "second")
}
