package desk

import (
	"fmt"
	"strings"
	"unicode"

	"latchkey/keypad/letters"
)

// maxLacking is how many missing letters are listed.
const maxLacking = 3

// OnScreens says which letters of a name readers' screens cannot show, what they show
// instead, and what to do; "": they show all of it. blank stands for a name of which
// nothing can be shown.
func OnScreens(name, blank string) string {
	shown, lacks := letters.Shown(TidyName(name), letters.Panel)
	if len(lacks) == 0 {
		return ""
	}
	var named []string
	for _, r := range lacks[:min(len(lacks), maxLacking)] {
		if unicode.IsMark(r) {
			named = append(named, "◌"+string(r)) // a base for the mark
		} else {
			named = append(named, string(r))
		}
	}
	if shown == "" {
		shown = blank
	} else {
		shown = "“" + shown + "”"
	}
	return fmt.Sprintf("Readers' screens cannot show %s: they show %s instead. Use Latin, Greek or Cyrillic letters.", strings.Join(named, ", "), shown)
}

// What screens show if they can show nothing of a user's name, a door's name, or
// another text.
const (
	NoUserName = "no name"
	NoDoorName = "the reader's id"
	NoText     = "nothing"
)
