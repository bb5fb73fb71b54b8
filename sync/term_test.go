package sync

import (
	"crypto/ed25519"
	"slices"
	"testing"
	"time"

	"latchkey/sync/wire"
)

// fenced checks that nothing of an older term than the one that the link had heard on this
// connection had an effect, and that its term did not fall.
func (w *world) fenced(e Event, before states, ack *wire.Ack, done []wire.Command, actions []Action) {
	w.t.Helper()
	heard, after := before.term, w.link.states
	if m, ok := e.(Message); ok && m.Topic == wire.OnNow.Topic(siteName, readerID) && after.heard != before.heard {
		if now := must(wire.OpenNow(site, m.Payload, publicKey(controllerKey))); now.Term < heard {
			w.t.Fatalf("a now of term %d counts after term %d was heard", now.Term, heard)
		}
	}
	switch {
	case after.connection == 0 && after.term != 0:
		w.t.Fatalf("term %d is remembered without a connection", after.term)
	case after.connection != 0 && before.connection != 0 && after.term < heard:
		w.t.Fatalf("the term falls from %d to %d", heard, after.term)
	case after.term > w.controller.highest:
		w.t.Fatalf("term %d is heard, which no controller has had", after.term)
	}
	for _, c := range done {
		if c.Term < heard {
			w.t.Fatalf("a command of term %d is carried out after term %d was heard", c.Term, heard)
		}
	}
	taken := []*wire.Ack{w.link.records.ack}
	for _, a := range actions {
		if trim, ok := a.(TrimRecords); ok {
			taken = append(taken, &trim.Ack)
		}
	}
	for _, a := range taken {
		if a != nil && (ack == nil || *a != *ack) && a.Term < heard {
			w.t.Fatalf("an ack of term %d counts after term %d was heard", a.Term, heard)
		}
	}
}

// lead has the controller of a term lead from now on.
func (c *controller) lead(term uint64) {
	c.term = term
	c.highest = max(c.highest, term)
}

// led returns a world whose reader has heard a term, with a state that is not answered yet and
// a record that is not acknowledged.
func led(t *testing.T, term uint64) *world {
	w := newWorld(t)
	w.controller.lead(term)
	w.controller.publishAll()
	w.connect()
	w.run(time.Second)
	w.inStep()
	w.controller.silent = true
	w.record(wire.Record{Kind: wire.DoorOpened})
	w.events = nil // it is not sent
	w.run(stateEvery)
	if got := w.link.states; got.term != term || got.sent[0].answered || !got.sent[1].answered {
		t.Fatalf("heard is term %d, of %d", got.term, term)
	}
	return w
}

// nowOf, orderOf and ackOf return what the controller of a term says to the reader.
func (w *world) nowOf(term uint64) *wire.Now {
	return &wire.Now{Reader: readerID, Nonce: w.controller.state.Nonce, Time: w.controller.wall().UnixMilli(), Head: w.controller.head(), Term: term}
}

func (w *world) orderOf(term uint64, id byte) *wire.Command {
	return &wire.Command{Reader: readerID, Nonce: w.controller.state.Nonce, ID: wire.CommandID{id}, Order: wire.Unlock, By: "Grace", Term: term}
}

func (w *world) ackOf(term uint64) *wire.Ack {
	number, hash := w.journal.Last()
	return &wire.Ack{Reader: readerID, Journal: w.journal.id, Number: number, Hash: hash, Term: term}
}

// say delivers a message of the controller's, and returns what was refused.
func (w *world) say(c wire.Channel, message any) []string {
	return w.hand(c, sign(c.Kind(), message), false)
}

func (w *world) hand(c wire.Channel, signed []byte, retained bool) []string {
	heard := len(w.news)
	w.step(Message{c.Topic(siteName, readerID), signed, retained})
	return w.refusedSince(heard)
}

func TestAControllerThatLeadsNoMoreIsRefused(t *testing.T) {
	for _, late := range []uint64{0, 1, 6} { // 0: of an older version
		w := led(t, 7)
		for channel, message := range map[wire.Channel]any{wire.OnNow: w.nowOf(late), wire.OnCommand: w.orderOf(late, 1), wire.OnAck: w.ackOf(late)} {
			before, acked, done := w.link.states, w.link.records.ack, len(w.done)
			if got, want := w.say(channel, message), []string{string(channel) + ": older term"}; !slices.Equal(got, want) {
				t.Errorf("term %d: %s is refused as %q", late, channel, got)
			}
			if w.link.states != before || w.link.records.ack != acked || w.link.records.trimming || len(w.done) != done {
				t.Errorf("term %d: %s counts", late, channel)
			}
		}
		w.controller.silent = false
		w.run(time.Minute)
		if w.controller.answered[wire.CommandID{1}] != wire.CommandRefused {
			t.Errorf("term %d: whoever has given the order is not told", late)
		}
		w.inStep() // with the one that leads
	}
}

func TestTheControllerThatLeadsIsHeard(t *testing.T) {
	for _, term := range []uint64{7, 8} {
		w := led(t, 7)
		w.controller.lead(term)
		refused := slices.Concat(w.say(wire.OnAck, w.ackOf(term)), w.say(wire.OnCommand, w.orderOf(term, 1)))
		if w.link.states.term != term {
			t.Errorf("term %d: after a command, heard is %d", term, w.link.states.term)
		}
		w.link.states.term = 7
		refused = slices.Concat(refused, w.say(wire.OnNow, w.nowOf(term)))
		w.deliver()
		if len(refused) != 0 || len(w.done) != 1 || !w.link.states.sent[0].answered || w.link.records.acked < 2 || w.link.states.term != term {
			t.Errorf("term %d: refused %q, %d carried out, %d acknowledged, heard is %d", term, refused, len(w.done), w.link.records.acked, w.link.states.term)
		}
	}
}

// Whoever has a broker could otherwise silence the one that leads until the connection is lost.
func TestATermIsHeardFromNothingThatIsForgedOrKept(t *testing.T) {
	w := led(t, 7)
	w.controller.highest = 9
	w.say(wire.OnCommand, w.orderOf(7, 1))
	otherNow, otherOrder, otherAck := w.nowOf(9), w.orderOf(9, 2), w.ackOf(9)
	otherNow.Reader, otherOrder.Reader, otherAck.Reader = "back-door", "back-door", "back-door"
	oldNow, oldOrder := w.nowOf(9), w.orderOf(9, 3)
	oldNow.Nonce, oldOrder.Nonce = wire.Nonce{1}, wire.Nonce{1}
	badHead := w.nowOf(9)
	badHead.Head = sign(wire.KindHead, wire.Position{Epoch: w.controller.position.Epoch})[:80]
	tooOld := w.orderOf(9, 4)
	tooOld.MaxAge = 1
	w.now += 2 * time.Millisecond
	stranger := must(wire.Sign(wire.KindNow, site, wire.Marshal(w.nowOf(9)), ed25519.NewKeyFromSeed(seed(1))))
	busy := w.link.carried
	full := func() {
		for i := range byte(mostCarried - 1) {
			w.link.carried = append(w.link.carried, carried{wire.CommandID{9, i}, w.now})
		}
	}
	for name, try := range map[string]func() []string{
		"a now for another reader":            func() []string { return w.say(wire.OnNow, otherNow) },
		"a command for another reader":        func() []string { return w.say(wire.OnCommand, otherOrder) },
		"an ack for another reader":           func() []string { return w.say(wire.OnAck, otherAck) },
		"a now that answers no state":         func() []string { return w.say(wire.OnNow, oldNow) },
		"a command for no state":              func() []string { return w.say(wire.OnCommand, oldOrder) },
		"a command that is too old":           func() []string { return w.say(wire.OnCommand, tooOld) },
		"a command that was carried out":      func() []string { return w.say(wire.OnCommand, w.orderOf(9, 1)) },
		"one of too many commands":            func() []string { full(); return w.say(wire.OnCommand, w.orderOf(9, 5)) },
		"a now whose head is not signed":      func() []string { return w.say(wire.OnNow, badHead) },
		"a now on a topic that retained it":   func() []string { return w.hand(wire.OnNow, sign(wire.KindNow, w.nowOf(9)), true) },
		"a command that the broker retained":  func() []string { return w.hand(wire.OnCommand, sign(wire.KindCommand, w.orderOf(9, 6)), true) },
		"a now that a stranger signed":        func() []string { return w.hand(wire.OnNow, stranger, false) },
		"an ack of a journal that is no more": func() []string { a := w.ackOf(9); a.Journal[0] ^= 1; r := w.say(wire.OnAck, a); w.deliver(); return r },
		"an ack, which has no nonce":          func() []string { r := w.say(wire.OnAck, w.ackOf(9)); w.deliver(); return r },
	} {
		clear(w.link.refusals)
		w.link.carried = slices.Clone(busy)
		refused := try()
		if w.link.states.term != 7 {
			t.Fatalf("%s: heard is term %d", name, w.link.states.term)
		}
		if isAck := name[:3] == "an " && refused == nil; len(refused) != 1 && !isAck {
			t.Errorf("%s: refused as %q", name, refused)
		}
	}
}

// Both controllers have got one state, and the one that leads no more was faster.
func TestTheSecondAnswerToAStateCountsForItsTermAlone(t *testing.T) {
	w := led(t, 7)
	w.say(wire.OnNow, w.nowOf(7))
	w.controller.lead(8)
	set := len(heard[ClockSet](w))
	w.now += time.Second
	if refused := w.say(wire.OnNow, w.nowOf(8)); len(refused) != 0 || w.link.states.term != 8 || len(heard[ClockSet](w)) != set {
		t.Errorf("refused %q, heard is %d", refused, w.link.states.term)
	}
	if refused := w.say(wire.OnCommand, w.orderOf(7, 1)); len(refused) != 1 {
		t.Errorf("the command of the one before is refused as %q", refused)
	}
}

// Whoever leads from now on knows of a reader what was kept. It hears from the reader itself within 3 s, however it comes to be
// heard, and gets what the one before has not acknowledged.
func TestAReaderReportsSoonToAnotherControllerThatLeads(t *testing.T) {
	for name, hear := range map[string]func(w *world){
		"the answer to what the broker has kept": func(w *world) { w.say(wire.OnNow, w.nowOf(7)); w.say(wire.OnNow, w.nowOf(8)) },
		"an order":                               func(w *world) { w.say(wire.OnNow, w.nowOf(7)); w.say(wire.OnCommand, w.orderOf(8, 1)) },
	} {
		w := led(t, 7)
		w.controller.lead(8)
		hear(w)
		w.controller.silent = false
		n := len(w.published)
		w.run(leaderWait + stateSpacing)
		if s := w.states(n); len(s) != 1 || !w.link.states.sent[0].answered {
			t.Errorf("%s: %d states", name, len(s))
		}
		if last, _ := w.journal.Last(); w.link.records.acked != last {
			t.Errorf("%s: record %d of %d is acknowledged", name, w.link.records.acked, last)
		}
		w.run(stateEvery / 2)
		if s := w.states(n); len(s) != 1 {
			t.Errorf("%s: %d states then", name, len(s))
		}
	}
}

func TestATermIsForgottenWithTheConnection(t *testing.T) {
	for _, term := range []uint64{0, 3} { // an older version, a site that was restored
		w := led(t, 7)
		w.disconnect()
		w.controller.lead(term)
		w.controller.silent = false
		w.connect()
		w.run(time.Second)
		w.controller.order(1, wire.Unlock)
		w.deliver()
		w.inStep()
		if w.link.states.term != term || len(w.done) != 1 || len(w.refusedSince(0)) != 0 {
			t.Errorf("term %d: heard is %d, %d carried out, refused %q", term, w.link.states.term, len(w.done), w.refusedSince(0))
		}
	}
}

// An ack has no nonce: before the one that leads is heard, it may be a kept one of any other.
func TestAnAckCountsOnlyAfterAnAnswerOnItsConnection(t *testing.T) {
	w := led(t, 7)
	w.disconnect()
	w.connect()
	w.run(time.Second) // nobody answers
	before := w.link.records
	for _, term := range []uint64{6, 7, 9} {
		if refused := w.say(wire.OnAck, w.ackOf(term)); len(refused) != 0 || w.link.records != before {
			t.Errorf("term %d: it counts, or is refused as %q", term, refused)
		}
	}
	w.controller.lead(8)
	w.say(wire.OnNow, w.nowOf(8))
	if refused := w.say(wire.OnAck, w.ackOf(7)); len(refused) != 1 {
		t.Errorf("then it is refused as %q", refused)
	}
	w.say(wire.OnAck, w.ackOf(8))
	w.deliver()
	if last, _ := w.journal.Last(); w.link.records.acked != last {
		t.Errorf("%d of %d are acknowledged", w.link.records.acked, last)
	}
}

func TestATermOutlivesAMoveToAnotherBroker(t *testing.T) {
	w := led(t, 7)
	former := w.controller.state.Nonce
	w.step(Connected{w.link.states.connection + 1})
	for channel, message := range map[wire.Channel]any{wire.OnCommand: w.orderOf(6, 1), wire.OnAck: w.ackOf(6)} {
		if refused := w.say(channel, message); len(refused) != 1 {
			t.Errorf("%s is refused as %q", channel, refused)
		}
	}
	w.controller.lead(8)
	late := w.nowOf(8)
	late.Nonce = former
	if refused := w.say(wire.OnNow, late); len(refused) != 0 || w.link.states.up || w.link.states.term != 8 {
		t.Errorf("an answer to the connection before: refused %q, up %t, heard is %d", refused, w.link.states.up, w.link.states.term)
	}
}

// Nobody loses the connection: a broker of its own stays while the controller is put back.
func TestAReaderHearsAControllerWithALowerTermWithinTwoMinutes(t *testing.T) {
	w := led(t, 7)
	w.controller.lead(0)
	w.controller.silent = false
	until := w.now + 2*time.Minute
	for len(w.dropped) == 0 && w.now < until {
		w.run(time.Second)
	}
	w.disconnect()
	w.connect()
	w.run(time.Second)
	w.inStep()
	if w.now > until {
		t.Errorf("it takes %v more", w.now-until)
	}
}
