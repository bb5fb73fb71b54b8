package status

import (
	"reflect"
	"testing"
	"time"

	"latchkey/device"
	"latchkey/sync/wire"
)

// shown is all that the figures of look-ups show.
func (l *Lookups) shown() []any {
	return []any{l.counted(), l.derivation.Times(), l.lookup.Times(), l.proof.Times()}
}

func TestNoFigureTellsAPINsOutcomeBeforeTheBrainHasDecidedIt(t *testing.T) {
	credential := &wire.Credential{ID: 7, User: 3, Kind: wire.PIN}
	for outcome, name := range map[device.Outcome]string{
		device.Known: "known", device.Unknown: "unknown", device.Damaged: "damaged",
		device.KeyFailed: "key-failed", device.EpochChanged: "epoch-changed", 0: "",
	} {
		var of Lookups
		before := of.shown()
		of.Identified(device.Identified{Kind: wire.PIN, Seq: 5, Outcome: device.Known, Credential: credential}, LookupTimes{Derivation: time.Second, Lookup: time.Millisecond})
		if after := of.shown(); !reflect.DeepEqual(before, after) {
			t.Fatalf("%q: the figures go from %v to %v with its look-up", name, before, after)
		}
		of.Decided(device.Decided{Seq: 5, Outcome: outcome})
		for counted, n := range of.counted()["pin"] {
			if want := map[bool]uint64{true: 1}[counted == name]; n != want {
				t.Errorf("%q: %d are counted as %s", name, n, counted)
			}
		}
		if n := of.lookup.Times().Count; n != map[bool]uint64{true: 1}[outcome != 0] {
			t.Errorf("%q: %d look-ups are timed", name, n)
		}
	}
}

func TestADecisionTakesNoTimesOfAnotherPIN(t *testing.T) {
	var of Lookups
	of.Identified(device.Identified{Kind: wire.PIN, Seq: 5, Outcome: device.Known}, LookupTimes{Derivation: time.Second, Lookup: time.Millisecond})
	of.Decided(device.Decided{Seq: 6, Outcome: device.Unknown})
	if pins := of.counted()["pin"]; pins["unknown"] != 1 || pins["known"] != 0 {
		t.Errorf("%v", pins)
	}
	if derivation, lookup := of.derivation.Times().Count, of.lookup.Times().Count; derivation != 0 || lookup != 0 {
		t.Errorf("%d derivations and %d look-ups are timed", derivation, lookup)
	}
}

func TestEachOutcomeIsCountedByItsName(t *testing.T) {
	var of Lookups
	for i, outcome := range []device.Outcome{device.Known, device.Unknown, device.Damaged, device.KeyFailed, device.EpochChanged, device.Enrolled, device.NotGenuine, device.CardGone, device.Personalised, device.ForeignKeys, device.Unsuitable, device.Declined, device.Unanswered} {
		for range i + 1 {
			of.Identified(device.Identified{Kind: wire.Card, Outcome: outcome}, LookupTimes{})
		}
	}
	want := map[string]uint64{"known": 1, "unknown": 2, "damaged": 3, "key-failed": 4, "epoch-changed": 5, "enrolled": 6, "not-genuine": 7, "card-gone": 8, "personalised": 9, "foreign-keys": 10, "unsuitable": 11, "declined": 12, "unanswered": 13}
	for name, n := range want {
		if got := of.counted()["card"][name]; got != n {
			t.Errorf("%s: %d, not %d", name, got, n)
		}
		if got := of.counted()["pin"][name]; got != 0 {
			t.Errorf("%s of PINs: %d", name, got)
		}
	}
}
