package sync

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"latchkey/sync/wire"
)

// last returns the newest message on the reader's topic of a channel, as the
// controller sent it.
func (w *world) last(c wire.Channel) Message {
	topic := c.Topic(siteName, readerID)
	for _, m := range slices.Backward(w.toReader) {
		if m.Topic == topic {
			return m
		}
	}
	w.t.Fatalf("nothing on %s", topic)
	return Message{}
}

func TestEachOrderIsCarriedOutAndAnswered(t *testing.T) {
	w := started(t)
	for i, order := range []wire.Order{wire.Unlock, wire.Identify, wire.Enrol, wire.Personalise} {
		command := w.controller.order(byte(i+1), order)
		w.deliver()
		if len(w.done) != i+1 || w.done[i] != *command {
			t.Errorf("%s: %+v", order, w.done)
		}
		if got := w.controller.answered[command.ID]; got != wire.CommandDone {
			t.Errorf("%s is answered by %q", order, got)
		}
	}
}

func TestACommandIsCarriedOutOnce(t *testing.T) {
	w := started(t)
	w.controller.order(1, wire.Unlock)
	command := w.last(wire.OnCommand)
	w.deliver()
	replay := func(when string) {
		heard := len(w.news)
		w.step(command)
		w.deliver()
		if len(w.done) != 1 {
			t.Fatalf("%s: it is carried out %d times", when, len(w.done))
		}
		if len(w.refusedSince(heard)) != 1 {
			t.Errorf("%s: refused as %q", when, w.refusedSince(heard))
		}
		if w.controller.answered[w.done[0].ID] != wire.CommandDone && when == "at once" {
			t.Errorf("%s: the controller is told that it was refused", when)
		}
	}
	replay("at once")
	w.run(stateEvery + time.Second)
	replay("with the nonce before")
	w.disconnect()
	w.connect()
	w.deliver()
	replay("in the next session")
	w.run(2 * time.Minute)
	replay("two minutes later")
	w.disconnect()
	w.boot()
	w.connect()
	w.run(time.Second)
	replay("after a start")
}

func TestACommandIsOfANonceOfTheLastTwo(t *testing.T) {
	w := started(t)
	first := w.controller.state.Nonce
	send := func(id byte, nonce wire.Nonce) bool {
		before := len(w.done)
		w.step(Message{Topic: wire.OnCommand.Topic(siteName, readerID), Payload: sign(wire.KindCommand, &wire.Command{
			Reader: readerID, Nonce: nonce, ID: wire.CommandID(bytes.Repeat([]byte{id}, 16)), Order: wire.Unlock, By: "Grace"})})
		w.deliver()
		return len(w.done) > before
	}
	w.run(stateEvery)
	second := w.controller.state.Nonce
	if first == second || !send(1, first) || !send(2, second) {
		t.Error("the last two nonces do not count")
	}
	w.run(stateEvery)
	third := w.controller.state.Nonce
	heard := len(w.news)
	if send(3, first) || !send(4, second) || !send(5, third) || send(6, wire.Nonce{}) || send(7, wire.Nonce{1}) {
		t.Error("another nonce than the last two counts")
	}
	refused := w.news[heard:]
	stale := slices.IndexFunc(refused, func(n News) bool {
		r, ok := n.(Refused)
		return ok && r.Reason == wire.ReasonStale && r.Command != nil && r.Command.ID[0] == 3
	})
	if stale < 0 || w.controller.answered[wire.CommandID(bytes.Repeat([]byte{3}, 16))] != wire.CommandRefused {
		t.Errorf("the controller is not told that the nonce is stale: %+v", refused)
	}
	w.controller.order(3, wire.Unlock) // the same id, the newest nonce
	w.deliver()
	if w.done[len(w.done)-1].ID[0] != 3 {
		t.Error("what was refused as stale cannot be ordered again")
	}
}

// The link's process may have stood still, so that no newer state was
// published: the nonce is the newest one, and too old.
func TestACommandThatWasHeldFor61SecondsIsRefused(t *testing.T) {
	for held, want := range map[time.Duration]int{59 * time.Second: 1, 61 * time.Second: 0} {
		w := started(t)
		w.controller.order(1, wire.Unlock)
		command := w.last(wire.OnCommand)
		w.toReader = nil
		w.now = w.link.states.sent[0].at + held
		w.step(command)
		if len(w.done) != want {
			t.Errorf("held for %v it is carried out %d times", held, len(w.done))
		}
	}
}

func TestACommandIsRefusedOnceItsNonceIsOlderThanItSays(t *testing.T) {
	for held, want := range map[time.Duration]int{4 * time.Second: 1, 4*time.Second + time.Millisecond: 0} {
		w := started(t)
		w.now = w.link.states.sent[0].at + held
		w.step(Message{Topic: wire.OnCommand.Topic(siteName, readerID), Payload: sign(wire.KindCommand, &wire.Command{
			Reader: readerID, Nonce: w.controller.state.Nonce, ID: wire.CommandID{1}, Order: wire.Unlock, By: "Grace", MaxAge: 4000})})
		w.deliver()
		if len(w.done) != want {
			t.Errorf("after %v it is carried out %d times", held, len(w.done))
		}
		if refused := w.controller.answered[wire.CommandID{1}] == wire.CommandRefused; refused != (want == 0) {
			t.Errorf("after %v the controller is told that it was refused: %t", held, refused)
		}
	}
}

func TestACommandBeforeTheFirstStateIsRefused(t *testing.T) {
	w := newWorld(t)
	w.step(Message{Topic: wire.OnCommand.Topic(siteName, readerID), Payload: sign(wire.KindCommand, &wire.Command{
		Reader: readerID, ID: wire.CommandID{1}, Order: wire.Unlock, By: "Grace"})})
	if len(w.done) != 0 || len(w.refusedSince(0)) != 1 {
		t.Errorf("done are %v", w.done)
	}
}

func TestMoreThan64CommandsInAMinuteAreRefused(t *testing.T) {
	w := started(t)
	for i := range 70 {
		w.controller.order(byte(i+1), wire.Identify)
	}
	w.deliver()
	if len(w.done) != mostCarried {
		t.Errorf("%d are carried out", len(w.done))
	}
	w.run(wire.NonceLife + time.Second)
	w.controller.order(200, wire.Identify)
	w.deliver()
	if len(w.done) != mostCarried+1 {
		t.Error("a minute later none is")
	}
}

func TestAnEnrolledCardGoesToTheControllerUntilItSaysThatItHasIt(t *testing.T) {
	w := started(t)
	command := w.controller.order(1, wire.Enrol)
	w.deliver()
	uid := []byte{4, 1, 2, 3, 4, 5, 6}
	card := must(wire.SealCard(&w.done[0], uid))
	w.controller.silent = true
	w.step(Card{CardRead: *card})
	w.run(3 * time.Minute)
	if w.controller.state.Card == nil || w.controller.state.Card.Command != command.ID {
		t.Fatal("the states do not carry it")
	}
	w.disconnect()
	w.connect()
	w.run(time.Second)
	if w.controller.state.Card == nil {
		t.Fatal("the next connection's state does not carry it")
	}
	w.controller.silent = false
	w.run(stateEvery)
	if !bytes.Equal(w.controller.cards[command.ID], uid) {
		t.Errorf("the controller has %x", w.controller.cards[command.ID])
	}
	w.run(stateEvery)
	if w.controller.state.Card != nil {
		t.Error("the states still carry it")
	}
}

// An answer to a state that carried one card does not take another away.
func TestACardThatCameAfterTheAnsweredStateStays(t *testing.T) {
	w := started(t)
	w.controller.order(1, wire.Enrol)
	w.deliver()
	first := must(wire.SealCard(&w.done[0], []byte{1, 2, 3, 4}))
	w.now += 2 * time.Second
	w.step(Card{CardRead: *first})
	second := *first
	second.Command[0]++
	w.step(Card{CardRead: second})
	for len(w.toSite) > 0 || len(w.toReader) > 0 {
		w.deliverOne()
	}
	if w.link.card == nil || w.link.card.Command != second.Command {
		t.Errorf("the card on its way is %+v", w.link.card)
	}
}

// A card that was taken away and shown again comes twice for one command.
func TestACardThatIsShownAgainIsSentAgain(t *testing.T) {
	w := started(t)
	w.controller.order(1, wire.Personalise)
	w.deliver()
	w.now += 2 * time.Second
	w.step(Card{CardRead: *must(wire.SealCardToKey(&w.done[0], cardToKey)), Keys: true})
	w.step(Card{CardRead: *must(wire.SealCardToKey(&w.done[0], cardToKey)), Keys: true})
	w.run(5 * time.Second)
	if len(w.controller.keyed) != 2 || w.link.card != nil {
		t.Errorf("the controller got it %d times", len(w.controller.keyed))
	}
}

// An order that only the controller can have given gets its answer, however much of what
// anybody can send was refused before.
func TestAnOrdersRefusalIsToldBehindTenBadMessages(t *testing.T) {
	w := started(t)
	for range 50 {
		w.step(Message{Topic: wire.OnCommand.Topic(siteName, readerID), Payload: []byte("made up")})
	}
	heard := len(w.news)
	w.step(Message{Topic: wire.OnCommand.Topic(siteName, readerID), Payload: sign(wire.KindCommand, &wire.Command{
		Reader: readerID, Nonce: wire.Nonce{1}, ID: wire.CommandID{9}, Order: wire.Unlock, By: "Grace"})})
	if !slices.ContainsFunc(w.news[heard:], func(n News) bool {
		r, ok := n.(Refused)
		return ok && r.Reason == wire.ReasonStale && r.Command != nil && r.Command.ID == (wire.CommandID{9})
	}) {
		t.Errorf("the controller is not told: %+v", w.news[heard:])
	}
}
