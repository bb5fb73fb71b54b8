package link

import (
	"testing"
	"time"

	"latchkey/sync/wire"
)

func TestOnlyTheKindsThatAnswerAnOrderAnswerIt(t *testing.T) {
	for order, want := range map[wire.Order]wire.RecordKind{
		wire.Unlock: wire.AccessGranted, wire.Identify: wire.CommandDone, wire.Personalise: wire.CommandDone,
	} {
		kinds := []wire.RecordKind{wire.LockoutCleared, want}
		if order == wire.Unlock {
			kinds = []wire.RecordKind{wire.LockoutCleared, wire.CommandDone, want}
		}
		now := time.Unix(1, 0)
		answer := make(chan OrderResult, 1)
		id := wire.CommandID{1}
		os := pendingOrders{}
		os.place(now, wire.Command{Reader: "front-door", ID: id, Order: order}, time.Time{}, answer)
		for _, kind := range kinds {
			if again := os.record(now, "front-door", &wire.Record{Kind: kind, Command: id}, wire.Nonce{}); again != nil {
				t.Errorf("%s is sent again after %s", order, kind)
			}
			if answered := os[id] == nil; answered != (kind == want) {
				t.Errorf("%s, after %s: answered is %v", order, kind, answered)
			}
		}
		if outcome := <-answer; !outcome.Done || outcome.Record.Kind != want {
			t.Errorf("%s: %+v", order, outcome)
		}
	}
}

func TestACardMayTakeLongerThanADoor(t *testing.T) {
	for order, want := range map[wire.Order]time.Duration{wire.Unlock: 15 * time.Second, wire.Enrol: 45 * time.Second, wire.Personalise: 170 * time.Second} {
		placed := time.Unix(1, 0)
		answer := make(chan OrderResult, 1)
		os := pendingOrders{}
		os.place(placed, wire.Command{Reader: "front-door", ID: wire.CommandID{1}, Order: order}, time.Time{}, answer)
		if os.expire(placed.Add(want - time.Second)); len(os) != 1 {
			t.Errorf("%s was given up too early", order)
		}
		if os.expire(placed.Add(want)); len(os) != 0 {
			t.Errorf("%s is not given up", order)
		}
	}
}

// Whatever the controller does within a second, nobody carries the order out after its moment.
func TestAnOrderIsGivenUpAfterTheMomentUntilWhichItCouldBeCarriedOut(t *testing.T) {
	placed := time.Unix(1, 0)
	by := placed.Add(4 * time.Second)
	at := func(seconds int) time.Time { return placed.Add(time.Duration(seconds) * time.Second) }
	id, answer := wire.CommandID{1}, make(chan OrderResult, 1)
	stale := &wire.Record{Kind: wire.CommandRefused, Reason: wire.ReasonStale, Command: id}
	for _, test := range []struct {
		refused, renewed time.Time
		age              uint32 // of the command that is sent again; 0: none is
	}{
		{at(1), at(3), 1000},
		{at(1), at(4), 0},
		{at(3), at(3).Add(999 * time.Millisecond), 1},
	} {
		os := pendingOrders{}
		os.place(placed, wire.Command{Reader: "front-door", ID: id, Order: wire.Unlock, Nonce: wire.Nonce{1}, MaxAge: 4000}, by, answer)
		os.record(test.refused, "front-door", stale, wire.Nonce{1})
		age := uint32(0)
		for _, c := range os.state(test.renewed, "front-door", wire.Nonce{2}) {
			age = c.MaxAge
		}
		if age != test.age {
			t.Errorf("sent again at %v with %d ms", test.renewed, age)
		}
		if os.expire(at(4)); len(os) != 1 {
			t.Error("given up before its answer can have come")
		}
		os.expire(at(5))
		if len(os) != 0 {
			t.Fatal("not given up")
		}
		if got := <-answer; got.Done || got.Unsent || got.Record != nil {
			t.Errorf("%+v", got)
		}
	}
}

func TestANonceMayBeAsOldAsItIsAndWhatTimeIsLeft(t *testing.T) {
	now := time.Unix(100, 0)
	for _, test := range []struct {
		left, heard time.Duration
		want        uint32
	}{
		{4 * time.Second, 0, 4000}, {4 * time.Second, 29 * time.Second, 33_000}, {4 * time.Second, time.Minute, 60_000},
		{0, time.Second, 0}, {-time.Second, 3 * time.Second, 0},
	} {
		if got := maxAge(now, now.Add(test.left), test.heard); got != test.want {
			t.Errorf("%+v: %d", test, got)
		}
	}
}
