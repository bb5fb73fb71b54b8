package link

import (
	"slices"
	"testing"
	"time"

	"latchkey/sync/wire"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

func TestStatesCountByConnectionAndCounter(t *testing.T) {
	type step struct {
		bundle, connection, counter uint64
		news                        bool
		is                          presenceIs
	}
	for name, steps := range map[string][]step{
		"in order":                          {{1, 1, 1, true, connected}, {1, 1, 2, true, connected}, {1, 2, 1, true, connected}},
		"a state again":                     {{1, 1, 1, true, connected}, {1, 1, 1, false, connected}},
		"an older state":                    {{1, 1, 5, true, connected}, {1, 1, 4, false, connected}},
		"its end":                           {{1, 1, 5, true, connected}, {1, 1, 0, true, disconnected}},
		"an old state after its end":        {{1, 1, 5, true, connected}, {1, 1, 0, true, disconnected}, {1, 1, 5, false, disconnected}},
		"a new state after its end":         {{1, 1, 5, true, connected}, {1, 1, 0, true, disconnected}, {1, 1, 6, true, connected}},
		"the end of an older connection":    {{1, 1, 5, true, connected}, {1, 2, 1, true, connected}, {1, 1, 0, false, connected}},
		"the end of a connection not seen":  {{1, 1, 5, true, connected}, {1, 2, 0, true, disconnected}, {1, 1, 6, false, disconnected}, {1, 2, 1, true, connected}},
		"another board counts from the top": {{1, 9, 9, true, connected}, {2, 1, 1, true, connected}},
	} {
		var p presence
		for i, s := range steps {
			news := p.take(at(i), s.bundle, &wire.State{Connection: s.connection, Counter: s.counter, Nonce: wire.Nonce{1}}, false)
			if news != s.news || p.is != s.is {
				t.Errorf("%s: step %d: news %t, %d", name, i, news, p.is)
			}
		}
	}
}

func TestAReaderIsOnlineWhileItsStatesCome(t *testing.T) {
	var p presence
	p.take(at(0), 1, &wire.State{Connection: 1, Counter: 1, Nonce: wire.Nonce{1}}, true)
	if p.online(at(1)) {
		t.Error("by a state that the broker kept")
	}
	p.take(at(2), 1, &wire.State{Connection: 1, Counter: 2, Nonce: wire.Nonce{1}}, false)
	if !p.online(at(96)) || p.online(at(97)) {
		t.Error("for another time than 95 s")
	}
}

func TestAReaderThatWasThereBeforeTheControllerIsAwaitedForAWhile(t *testing.T) {
	var p presence
	if p.awaited(at(0), at(1)) {
		t.Error("one that was never there")
	}
	p.take(at(0), 1, &wire.State{Connection: 1, Counter: 1, Nonce: wire.Nonce{1}}, true)
	if !p.awaited(at(0), at(39)) || p.awaited(at(0), at(40)) {
		t.Error("for another time than 40 s")
	}
	p.take(at(2), 1, &wire.State{Connection: 1, Counter: 2, Nonce: wire.Nonce{1}}, false)
	if p.awaited(at(0), at(3)) {
		t.Error("though it was heard of")
	}
	p.take(at(4), 1, &wire.State{Connection: 1}, true)
	if p.awaited(at(0), at(5)) {
		t.Error("though it is gone")
	}
}

// withOrder returns pending orders with one in them.
func withOrder(order wire.Order) (pendingOrders, wire.CommandID, chan OrderResult) {
	answer := make(chan OrderResult, 1)
	id := wire.CommandID{7}
	os := pendingOrders{}
	os.place(at(0), wire.Command{Reader: "front-door", ID: id, Order: order, Nonce: wire.Nonce{1}}, time.Time{}, answer)
	return os, id, answer
}

func TestAnOrderIsSentAgainOnlyAfterARefusalAsStale(t *testing.T) {
	refusal := func(id wire.CommandID, reason wire.Reason) *wire.Record {
		return &wire.Record{Kind: wire.CommandRefused, Command: id, Reason: reason}
	}
	one, two := wire.Nonce{1}, wire.Nonce{2}

	os, id, answer := withOrder(wire.Unlock)
	if again := os.state(at(1), "front-door", two); again != nil {
		t.Error("without a refusal")
	}
	if c := os.record(at(2), "back-door", refusal(id, wire.ReasonStale), two); c != nil {
		t.Error("after another reader's refusal")
	}
	if c := os.record(at(2), "front-door", refusal(id, wire.ReasonStale), one); c != nil {
		t.Error("with the nonce that was refused")
	}
	if again := os.state(at(3), "back-door", two); again != nil {
		t.Error("with another reader's nonce")
	}
	again := os.state(at(3), "front-door", two)
	if len(again) != 1 || again[0].ID != id || again[0].Nonce != two {
		t.Errorf("%+v", again)
	}
	if again := os.state(at(4), "front-door", wire.Nonce{3}); again != nil {
		t.Error("twice after one refusal")
	}
	if c := os.record(at(5), "front-door", refusal(id, "busy"), wire.Nonce{4}); c != nil || (<-answer).Text.String() != "the reader refused: busy" || len(os) != 0 {
		t.Error("after another refusal")
	}

	os, id, answer = withOrder(wire.Unlock)
	if c := os.record(at(10), "front-door", refusal(id, wire.ReasonStale), two); c != nil || (<-answer).Done {
		t.Error("ten seconds later")
	}
	os, id, answer = withOrder(wire.Unlock)
	os.record(at(9), "front-door", refusal(id, wire.ReasonStale), one)
	if again := os.state(at(10), "front-door", two); again != nil {
		t.Error("ten seconds later, with a newer nonce")
	}
	os.expire(at(10))
	if o := <-answer; o.Done || len(os) != 0 {
		t.Errorf("%+v", o)
	}
}

func TestAnOrderWithoutAnAnswerEnds(t *testing.T) {
	for order, seconds := range map[wire.Order]int{wire.Unlock: 15, wire.Enrol: 45} {
		os, _, answer := withOrder(order)
		os.expire(at(seconds - 1))
		if len(os) != 1 {
			t.Errorf("%s ended early", order)
		}
		os.expire(at(seconds))
		if o := <-answer; o.Done || len(os) != 0 {
			t.Errorf("%+v", o)
		}
	}
}

func TestOrdersAreBounded(t *testing.T) {
	os := pendingOrders{}
	for i := range maxOrders {
		if !os.place(at(0), wire.Command{ID: wire.CommandID{1, byte(i), byte(i >> 8)}}, time.Time{}, nil) {
			t.Fatal(i)
		}
	}
	answer := make(chan OrderResult, 1)
	if os.place(at(0), wire.Command{ID: wire.CommandID{2}}, time.Time{}, answer) || (<-answer).Done {
		t.Error("one more was taken")
	}
}

func TestAnOrderIsNotDoneByARecordOfAnother(t *testing.T) {
	for _, kind := range []wire.RecordKind{wire.LockoutCleared, wire.ReaderStarted} {
		os, id, _ := withOrder(wire.Unlock)
		os.record(at(1), "front-door", &wire.Record{Kind: kind, Command: id}, wire.Nonce{})
		os.record(at(1), "front-door", &wire.Record{Kind: wire.AccessGranted, Command: wire.CommandID{8}}, wire.Nonce{})
		if len(os) != 1 {
			t.Errorf("done by %s", kind)
		}
	}
}

func TestAQueueServesReadersInTurn(t *testing.T) {
	q := newQueue[int](3)
	for i := range 5 {
		if q.put("greedy", i) != (i < 3) {
			t.Errorf("%d", i)
		}
	}
	q.put("modest", 100)
	var got []int
	for {
		v, ok := q.next()
		if !ok {
			break
		}
		got = append(got, v)
	}
	if !slices.Equal(got, []int{0, 100, 1, 2}) {
		t.Errorf("%v", got)
	}
	if !q.put("greedy", 9) {
		t.Error("it stays full")
	}
}
