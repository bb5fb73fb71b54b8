package desk

import (
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

// What older versions and older readers have left in the activity: holds, which were
// orders to a reader, before there were modes.

// formerActs describe acts of older versions.
var formerActs = map[string]rule{
	"hold":    {past: language.Say("%s held %s open"), infinitive: language.Say("hold %s open")},
	"release": {past: language.Say("%s released %s"), infinitive: language.Say("release %s")},
}

// formerReasons describe reasons of older readers.
var formerReasons = map[wire.Reason]*language.Sentence{
	"no hold": language.Say("it was not held open"),
	"over":    language.Say("the time has ended"),
	"release": language.Say("it was released"),
	"restart": language.Say("the reader restarted"),
}

// formerSentence describes a record of an older reader; nil: it is none.
func formerSentence(r *wire.Record, door language.Name) *language.Sentence {
	switch r.Kind {
	case wire.HoldStarted:
		return language.Say("%s is held open for %s by %s", door, durationText(r.Seconds), named(r.Who))
	case wire.HoldEnded:
		if r.Who != "" {
			return language.Say("%s is no longer held open: released by %s", door, named(r.Who))
		}
		return why(language.Say("%s is no longer held open", door), r.Reason)
	}
	return nil
}
