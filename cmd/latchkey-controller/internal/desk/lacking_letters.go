package desk

import (
	"strings"
	"unicode"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/keypad/letters"
)

// maxLacking is how many missing letters are listed.
const maxLacking = 3

// OnScreens says which letters of a name readers' screens cannot show, what they show
// instead, and what to do; nil: they show all of it. blank stands for a name of which
// nothing can be shown.
func OnScreens(name string, blank Blank) *language.Sentence {
	shown, lacks := letters.Shown(TidyName(name), letters.Panel)
	if len(lacks) == 0 {
		return nil
	}
	var named []string
	for _, r := range lacks[:min(len(lacks), maxLacking)] {
		if unicode.IsMark(r) {
			named = append(named, "◌"+string(r)) // a base for the mark
		} else {
			named = append(named, string(r))
		}
	}
	all := strings.Join(named, ", ")
	switch {
	case shown != "":
		return language.Say("Readers' screens cannot show %s: they show “%s” instead. Use Latin, Greek or Cyrillic letters.", all, shown)
	case blank == NoUserName:
		return language.Say("Readers' screens cannot show %s: they show no name instead. Use Latin, Greek or Cyrillic letters.", all)
	case blank == NoDoorName:
		return language.Say("Readers' screens cannot show %s: they show the reader's id instead. Use Latin, Greek or Cyrillic letters.", all)
	}
	return language.Say("Readers' screens cannot show %s: they show nothing instead. Use Latin, Greek or Cyrillic letters.", all)
}

// A Blank is what screens show if they can show nothing of a text.
type Blank int

// The blanks.
const (
	NoUserName Blank = iota // nothing, in place of a user's name
	NoDoorName              // the reader's id, in place of the door's name
	NoText                  // nothing, in place of another text
)
