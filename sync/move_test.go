package sync

import (
	"strings"
	"testing"

	"latchkey/sync/wire"
)

func TestAMoveKeepsWhatCommandsNeedAndCountsNoEarlierAnswer(t *testing.T) {
	w := started(t)
	nonce := w.controller.state.Nonce
	w.step(Connected{w.link.states.connection + 1})
	heard := len(w.news)
	w.controller.answer(nonce)
	late := w.last(wire.OnNow)
	w.toReader = nil
	w.step(late)
	if w.link.states.up {
		t.Error("an answer to the connection before makes the link up")
	}
	order := &wire.Command{Reader: readerID, Nonce: nonce, ID: wire.CommandID{7}, Order: wire.Unlock, By: "Grace"}
	ordered := Message{wire.OnCommand.Topic(siteName, readerID), sign(wire.KindCommand, order), false}
	w.step(ordered)
	if len(w.done) != 1 {
		t.Errorf("an order over a move is carried out %d times", len(w.done))
	}
	if refused := w.refusedSince(heard); len(refused) != 0 {
		t.Errorf("refused: %q", refused)
	}
	w.step(ordered)
	if len(w.done) != 1 {
		t.Errorf("twice: it is carried out %d times", len(w.done))
	}
	w.deliver()
	w.run(2 * stateEvery)
	stale := *order
	stale.ID = wire.CommandID{8}
	w.step(Message{ordered.Topic, sign(wire.KindCommand, &stale), false})
	if len(w.done) != 1 {
		t.Error("a nonce of the connection before is good for ever")
	}
	if !w.link.states.up {
		t.Error("the link is not up")
	}
}

func TestAClientNeedsABroker(t *testing.T) {
	for _, brokers := range [][]string{nil, {"ssl://a:1", "tcp://192.0.2.1:1"}} {
		if _, err := NewClient(Config{Options: newWorldOptions(), Brokers: brokers}); err == nil || !strings.Contains(err.Error(), "broker") {
			t.Errorf("%q: %v", brokers, err)
		}
	}
}
