package main

import (
	"reflect"
	"testing"
	"time"

	"latchkey/device"
	"latchkey/sync/wire"
)

// What the figures of look-ups say, all of it.
func (t *tally) said() []any { return []any{t.now(), t.derivation.now(), t.lookup.now()} }

func TestNoFigureTellsAPINsOutcomeBeforeTheBrainHasDecidedIt(t *testing.T) {
	credential := &wire.Credential{ID: 7, User: 3, Kind: wire.PIN}
	for _, test := range []struct {
		name    string
		record  wire.Record
		counted string
	}{
		{"it opens", wire.Record{Kind: wire.AccessGranted, By: "pin", Credential: 7}, "known"},
		{"it may not open now", wire.Record{Kind: wire.AttemptTakenBack, Reason: string(device.ReasonSchedule), Credential: 7}, "known"},
		{"it is nobody's", wire.Record{Kind: wire.AttemptUnknown}, "unknown"},
		{"a chunk is damaged", wire.Record{Kind: wire.AttemptTakenBack, Reason: string(device.ReasonDamaged)}, "damaged"},
		{"the key failed", wire.Record{Kind: wire.AttemptTakenBack, Reason: string(device.ReasonKey)}, "key-failed"},
		{"the epoch changed", wire.Record{Kind: wire.AttemptTakenBack, Reason: string(device.ReasonEpoch)}, "epoch-changed"},
		{"its charge was not stored", wire.Record{Kind: wire.AttemptTakenBack, Reason: string(device.ReasonUnstored)}, ""},
		{"no answer came", wire.Record{Kind: wire.AttemptUnknown, Reason: string(device.ReasonNoAnswer)}, ""},
	} {
		of := new(tally)
		before := of.said()
		of.identified(device.Identified{Kind: wire.PIN, Seq: 5, Outcome: device.Known, Credential: credential}, took{5, time.Second, time.Millisecond})
		if after := of.said(); !reflect.DeepEqual(before, after) {
			t.Fatalf("%s: the figures go from %v to %v with its look-up", test.name, before, after)
		}
		other := wire.Record{Kind: wire.AccessGranted, By: "card", Credential: 9}
		test.record.Seq = 5
		of.decided(5, []device.Action{device.Append{Batch: 2, Records: []wire.Record{other, test.record}}})
		for name, n := range of.now()["pin"] {
			if want := map[bool]uint64{true: 1}[name == test.counted]; n != want {
				t.Errorf("%s: %d are counted as %s", test.name, n, name)
			}
		}
		if n := of.lookup.now().Count; n != map[bool]uint64{true: 1}[test.counted != ""] {
			t.Errorf("%s: %d look-ups are timed", test.name, n)
		}
	}
}
