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
		os.place(now, wire.Command{Reader: "front-door", ID: id, Order: order}, answer)
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
		os.place(placed, wire.Command{Reader: "front-door", ID: wire.CommandID{1}, Order: order}, answer)
		if os.expire(placed.Add(want - time.Second)); len(os) != 1 {
			t.Errorf("%s was given up too early", order)
		}
		if os.expire(placed.Add(want)); len(os) != 0 {
			t.Errorf("%s is not given up", order)
		}
	}
}
