package desk

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"latchkey/cmd/latchkey-controller/internal/language"
)

// named returns a name, of whatever source, as a sentence has it.
func named(name string) language.Name { return language.Name(Clean(name)) }

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
func waitText(d time.Duration) *language.Sentence {
	n := int((d + time.Second - 1) / time.Second)
	if n > 90 {
		return language.Count((n+59)/60, "%d minute", "%d minutes")
	}
	return language.Count(n, "%d second", "%d seconds")
}
