package desk

import (
	"fmt"
	"strings"
	"unicode"

	"latchkey/keypad/letters"
)

// maxLacking is how many of the letters that a screen lacks are named.
const maxLacking = 3

// OnScreens says what readers' screens lack of the letters of a name, what they
// show instead, and what to do; "" if they show all of it. blank is what they show
// where nothing of it is left, as "no name".
func OnScreens(name, blank string) string {
	shown, lacks := letters.Shown(TidyName(name), letters.Panel)
	if len(lacks) == 0 {
		return ""
	}
	var named []string
	for _, r := range lacks[:min(len(lacks), maxLacking)] {
		if unicode.IsMark(r) {
			named = append(named, "◌"+string(r)) // which gives it something to stand on
		} else {
			named = append(named, string(r))
		}
	}
	if shown == "" {
		shown = blank
	} else {
		shown = "“" + shown + "”"
	}
	return fmt.Sprintf("Readers' screens have no %s: they show %s. To have it read there, write it in Latin, Greek or Cyrillic letters.", strings.Join(named, ", "), shown)
}

// What screens show of which nothing is left: of a user's name, of a door's, and
// of any other text.
const (
	NoUserName = "no name"
	NoDoorName = "the reader's id"
	NoText     = "nothing"
)
