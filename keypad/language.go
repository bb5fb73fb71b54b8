package keypad

import (
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// A tongue is a language that the screens speak.
type tongue uint8

// tongues is how many there are; English is the first, and the rest as phrases has them.
const tongues = 8

// Languages are those that the screens speak. A View or Opts may name any language; the
// nearest of these is taken.
func Languages() []language.Tag {
	return []language.Tag{
		language.English, language.German, language.French, language.Spanish,
		language.Italian, language.Dutch, language.Polish, language.Portuguese,
	}
}

// Sentences are what the keypad says in every language, in English: a View's Reason or
// Notes that is one of them is translated, and any other text shown as it is.
func Sentences() []string { return slices.Sorted(maps.Keys(phrases)) }

// An interpreter finds the tongue for a tag of RFC 5646.
type interpreter struct {
	matcher language.Matcher
	own     tongue // where none is near
	tag     string // of found, which was looked for last
	found   tongue
}

func newInterpreter(own string) *interpreter {
	in := &interpreter{matcher: language.NewMatcher(Languages())}
	in.own = in.nearest(own)
	in.found = in.own
	return in
}

// tongue gives the nearest to tag; what has none, and an empty tag, is the reader's own.
func (in *interpreter) tongue(tag string) tongue {
	if tag != in.tag {
		in.tag, in.found = tag, in.nearest(tag)
	}
	return in.found
}

func (in *interpreter) nearest(tag string) tongue {
	t, err := language.Parse(tag)
	if tag == "" || err != nil {
		return in.own
	}
	_, i, sure := in.matcher.Match(t)
	if sure == language.No {
		return in.own
	}
	return tongue(i)
}

// say gives a sentence in t by its English. What is no sentence of the keypad's is given
// back as it is.
func (t tongue) say(english string) string {
	if t > 0 {
		if in, ok := phrases[english]; ok {
			return in[t-1]
		}
	}
	return english
}

// name says a sentence about a name.
func (t tongue) name(english, name string) string {
	return strings.Replace(t.say(english), "{}", name, 1)
}
