package desk

import (
	"latchkey/sync/wire"
)

// What older versions and older readers have left in the activity: holds, which were
// orders to a reader, before there were modes.

// formerActs describe acts of older versions.
var formerActs = map[string]rule{
	"hold":    {past: "held %s open", infinitive: "hold %s open"},
	"release": {past: "released %s", infinitive: "release %s"},
}

// formerReasons describe reasons of older readers.
var formerReasons = map[wire.Reason]string{
	"no hold": "it was not held open",
	"over":    "the time has ended",
	"release": "it was released",
	"restart": "the reader restarted",
}

// formerSentence describes a record of an older reader; nil: it is none.
func formerSentence(r *wire.Record, door string) Text {
	switch r.Kind {
	case wire.HoldStarted:
		return say("%s is held open for "+durationText(r.Seconds)+" by %s", door, r.Who)
	case wire.HoldEnded:
		if r.Who != "" {
			return say("%s is no longer held open: released by %s", door, r.Who)
		}
		return say("%s is no longer held open"+why(r.Reason), door)
	}
	return nil
}
