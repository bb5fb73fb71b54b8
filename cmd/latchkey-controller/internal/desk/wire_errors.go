package desk

import (
	"strconv"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/language"
)

// wireSays are the errors of package wire, and of others that know no languages, which people may cause by what they enter.
var wireSays = map[string]*language.Sentence{
	"it is not UTF-8":                   language.Say("it is not UTF-8"),
	"it cannot hold control characters": language.Say("it cannot hold control characters"),
	"times before 1970 cannot be kept":  language.Say("times before 1970 cannot be kept"),
	"times after the year 9999 cannot be kept: leave it empty for no limit":       language.Say("times after the year 9999 cannot be kept: leave it empty for no limit"),
	"two proofs need PIN entry, which is off: nobody could open the door":         language.Say("two proofs need PIN entry, which is off: nobody could open the door"),
	"the schedule never demands two proofs":                                       language.Say("the schedule never demands two proofs"),
	"the unlock schedule never opens":                                             language.Say("the unlock schedule never opens"),
	"unlocked needs an end: a door must not stay open because somebody forgot it": language.Say("unlocked needs an end: a door must not stay open because somebody forgot it"),
	"an evacuation has no end of its own: it lasts until somebody ends it":        language.Say("an evacuation has no end of its own: it lasts until somebody ends it"),
}

// SaidOf returns what an error says as a sentence, also if it is one of package wire.
func SaidOf(err error) *language.Sentence {
	said := language.Of(err)
	text := err.Error()
	if said.String() != text {
		return said
	}
	if known := wireSays[text]; known != nil {
		return known
	}
	if rest, is := strings.CutPrefix(text, "it has "); is { // wire.CheckLabel
		if size, limit, is := strings.Cut(rest, " bytes, at most "); is {
			if n, err := strconv.Atoi(size); err == nil {
				if most, err := strconv.Atoi(limit); err == nil {
					return language.Say("it has %d bytes, at most %d", n, most)
				}
			}
		}
	}
	if name, is := strings.CutSuffix(text, " cannot be a name: use 1 to 32 lower-case letters, digits and hyphens, not a hyphen first"); is { // wire.CheckName
		return language.Say("%s cannot be a name: use 1 to 32 lower-case letters, digits and hyphens, not a hyphen first", name)
	}
	if broker, is := strings.CutSuffix(text, ": a broker on another machine needs TLS; write ssl://host:port"); is { // the same
		return language.Say("%s: a broker on another machine needs TLS; write ssl://host:port", broker)
	}
	if url, is := strings.CutSuffix(text, ": write ssl://host:port"); is { // wire.ParseBroker
		return language.Say("%s: write ssl://host:port", url)
	}
	return said
}
