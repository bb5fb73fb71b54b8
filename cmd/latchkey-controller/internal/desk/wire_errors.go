package desk

import (
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

// entered are the errors of package wire that are about what people enter, by their formats.
var entered = []*language.Sentence{
	language.Say("it has %d bytes, at most %d"),
	language.Say("it is not UTF-8"),
	language.Say("it cannot hold control characters"),
	language.Say("%s cannot be a name: use 1 to 32 lower-case letters, digits and hyphens, not a hyphen first"),
	language.Say("times before 1970 cannot be kept"),
	language.Say("times after the year 9999 cannot be kept: leave it empty for no limit"),
	language.Say("two proofs need PIN entry, which is off: nobody could open the door"),
	language.Say("the schedule never demands two proofs"),
	language.Say("the unlock schedule never opens"),
	language.Say("unlocked needs an end: a door must not stay open because somebody forgot it"),
	language.Say("an evacuation has no end of its own: it lasts until somebody ends it"),
	language.Say("%d brokers, at most %d"),
	language.Say("broker: %d bytes, at most 256"),
	language.Say("broker %s: not a URL; write ssl://host:port"),
	language.Say("broker %s: write ssl://host:port"),
	language.Say("broker %s: an IPv6 address stands in brackets; write ssl://[%s]:8883"),
	language.Say("broker %s: %s is neither an address nor a DNS name; write ssl://host:port"),
	language.Say("broker %s: a broker on another machine needs TLS; write ssl://host:port"),
	language.Say("broker %s: readers do not look up names that end in .local (mDNS); write the address, or a name that your DNS server knows"),
	language.Say("broker %s: write %s"),
	language.Say("broker %s stands there twice"),
}

// SaidOf returns what an error says as a sentence, also if it is one of package wire, which knows no languages.
func SaidOf(err error) *language.Sentence {
	if wrong, is := err.(*wire.InputError); is {
		for _, one := range entered {
			if one.String() == wrong.Format {
				return one.With(wrong.Values...)
			}
		}
	}
	return language.Of(err)
}
