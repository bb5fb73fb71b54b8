package sync

import (
	"slices"
	"testing"
	"time"

	"latchkey/sync/wire"
)

// states returns what was published of the reader after the first n messages.
func (w *world) states(n int) (states []*wire.State) {
	for _, p := range w.published[n:] {
		if _, _, c, _ := wire.ParseTopic(p.Topic); c == wire.OnState {
			states = append(states, must(wire.OpenState(site, p.Payload, publicKey(readerKey))))
			if !p.Retained {
				w.t.Error("a state is not retained")
			}
		}
	}
	return states
}

func TestAStateIsPublishedAtOnceAndEvery30Seconds(t *testing.T) {
	w := started(t)
	w.run(5 * time.Minute)
	states := w.states(0)
	if len(states) < 11 || len(states) > 13 {
		t.Errorf("%d states in five minutes", len(states))
	}
	nonces := map[wire.Nonce]bool{}
	for i, s := range states {
		nonces[s.Nonce] = true
		if s.Connection != 1 || s.Counter != uint64(i+1) {
			t.Errorf("state %d is (%d, %d)", i, s.Connection, s.Counter)
		}
	}
	if len(nonces) != len(states) {
		t.Error("a nonce is there twice")
	}
	last := states[len(states)-1]
	if last.Version != "devel" || *last.Held != w.controller.position || last.PolicyRevision != w.policy.Revision || last.Journal != w.journal.id || last.Last != 1 {
		t.Errorf("%+v", last)
	}
	if must(wire.OpenHead(site, last.Head, publicKey(controllerKey))).Position() != w.controller.position {
		t.Error("it does not show the newest head")
	}
}

func TestAChangeIsToldAtOnceAndAFlickerSlowly(t *testing.T) {
	w := started(t)
	w.run(10 * time.Second)
	n := len(w.published)
	flick := wire.Condition{Strike: wire.StrikePulse, Door: wire.DoorIsClosed}
	w.step(w.report(flick))
	if s := w.states(n); len(s) != 1 || s[0].Condition.Strike != wire.StrikePulse {
		t.Fatalf("%d states after a change", len(s))
	}
	w.step(w.report(flick))
	w.run(stateEvery - time.Second)
	if s := w.states(n); len(s) != 1 {
		t.Errorf("%d states though nothing has changed", len(s))
	}
	n = len(w.published)
	for i := range 1000 {
		flick.Tamper = i%2 == 0
		w.step(w.report(flick))
		w.run(10 * time.Millisecond)
	}
	w.run(2 * time.Second)
	s := w.states(n)
	if len(s) < 8 || len(s) > 12 || s[len(s)-1].Condition.Tamper {
		t.Errorf("%d states in ten seconds, the last %+v", len(s), s[len(s)-1].Condition)
	}
	if !w.link.states.up {
		t.Error("the link went down over it")
	}
}

// Over a link whose answers take three seconds a flicker does not push
// unanswered states out.
func TestAFlickerOverASlowLinkDoesNotTakeItDown(t *testing.T) {
	w := started(t)
	w.run(10 * time.Second)
	heard := len(w.news)
	condition := wire.Condition{Strike: wire.StrikeOff, Door: wire.DoorIsClosed}
	for i := range 200 {
		condition.Tamper = i%2 == 0
		w.now += 100 * time.Millisecond
		w.step(w.report(condition))
		if i%30 == 29 {
			w.deliver()
		}
	}
	for _, n := range w.news[heard:] {
		if change, ok := n.(LinkChanged); ok {
			t.Errorf("%+v", change)
		}
	}
}

func TestTheLinkIsUpWhileOneOfTheLastTwoNoncesWasAnswered(t *testing.T) {
	w := newWorld(t)
	w.controller.publishAll()
	w.controller.silent = true
	w.connect()
	w.run(time.Second)
	if len(heard[LinkChanged](w)) != 0 || w.link.states.up {
		t.Error("it is up though nobody has answered")
	}
	w.controller.silent = false
	w.run(stateEvery)
	if changes := heard[LinkChanged](w); !slices.Equal(changes, []LinkChanged{{Up: true, Connection: w.link.states.connection}}) {
		t.Fatalf("%+v", changes)
	}
	w.run(2 * stateEvery)
	w.controller.silent = true
	answered := w.link.states.sent[0].at
	w.run(answered + 2*stateEvery - time.Second - w.now)
	if w.link.states.sent[0].answered || !w.link.states.up {
		t.Error("it is down though the nonce before was answered")
	}
	w.run(2 * time.Second)
	if changes := heard[LinkChanged](w); len(changes) != 2 || changes[1].Up || changes[1].Why == "" {
		t.Errorf("%+v", changes)
	}
	if len(w.dropped) != 0 {
		t.Errorf("the connection is given up: %q", w.dropped)
	}
	w.run(silence - 2*stateEvery)
	if len(w.dropped) != 1 {
		t.Errorf("after %v of silence the connection is given up %d times", w.now-answered, len(w.dropped))
	}
	w.disconnect()
	w.controller.silent = false
	w.connect()
	w.run(time.Second)
	w.inStep()
	w.disconnect()
	changes := heard[LinkChanged](w)
	if last := changes[len(changes)-1]; last.Up || last.Why != "cut" {
		t.Errorf("%+v", last)
	}
}

func TestAnOldNowAnswersNothing(t *testing.T) {
	w := started(t)
	old := w.controller.state.Nonce
	now := func(nonce wire.Nonce) Message {
		return Message{Topic: wire.OnNow.Topic(siteName, readerID), Payload: sign(wire.KindNow, &wire.Now{Reader: readerID, Nonce: nonce, Time: w.controller.wall().UnixMilli(), Head: w.controller.head()})}
	}
	w.controller.silent = true
	w.run(2*stateEvery + time.Second)
	if w.link.states.up {
		t.Fatal("the link is up")
	}
	for _, nonce := range []wire.Nonce{old, {1}} {
		before := len(w.news)
		w.step(now(nonce))
		if w.link.states.up || len(w.refusedSince(before)) != 1 {
			t.Errorf("it counts; %q", w.refusedSince(before))
		}
	}
	w.step(now(w.controller.state.Nonce))
	if !w.link.states.up {
		t.Error("the right one does not count")
	}
}

func TestAnOldWillAfterANewStateCountsForNothing(t *testing.T) {
	w := started(t)
	o := w.options()
	will := must(o.Will(w.connections))
	w.disconnect()
	w.connect()
	w.run(time.Second)
	w.controller.receive(will.Topic, will.Payload, false)
	if w.controller.offline {
		t.Error("the reader is taken to be offline")
	}
	newer := must(o.Will(w.connections))
	w.controller.receive(newer.Topic, newer.Payload, false)
	if !w.controller.offline || !newer.Retained {
		t.Error("the will of this connection counts for nothing")
	}
	w.run(stateEvery)
	if w.controller.offline {
		t.Error("the next state does not take it back")
	}
}

func TestTheClockIsSetByAQuickAnswerOnly(t *testing.T) {
	w := newWorld(t)
	w.controller.publishAll()
	w.connect()
	for len(w.toReader) > 0 || len(w.events) > 0 {
		w.deliverOne()
	}
	w.controller.receive(w.toSite[0].Topic, w.toSite[0].Payload, false)
	w.toSite = nil
	w.now += answerWait + time.Millisecond
	w.step(w.last(wire.OnNow))
	if !w.wall.IsZero() || !w.link.states.up {
		t.Error("it is set by an answer that took more than 5 s")
	}
	w.toReader = nil
	w.run(stateEvery)
	set := heard[ClockSet](w)
	if len(set) == 0 || !set[0].Wall.Equal(w.start.Add(set[0].At)) {
		t.Errorf("%+v", set)
	}
}

func TestTheSameAnswerTwiceSetsTheClockOnce(t *testing.T) {
	w := started(t)
	w.run(stateEvery)
	set := len(heard[ClockSet](w))
	again := Message{Topic: wire.OnNow.Topic(siteName, readerID), Payload: sign(wire.KindNow, &wire.Now{Reader: readerID, Nonce: w.controller.state.Nonce, Time: w.controller.wall().UnixMilli(), Head: w.controller.head()})}
	w.now += time.Second
	w.step(again)
	if got := len(heard[ClockSet](w)); got != set {
		t.Errorf("set %d times by one answer", got-set+1)
	}
}

// The controller's clock is off, and is put right. Each answer proves that it is
// new, so it sets the reader's clock forward or back; only a time before the
// program was built is none.
func TestTheClockFollowsTheControllersForwardAndBack(t *testing.T) {
	for name, test := range map[string]struct {
		off  time.Duration
		want bool
	}{
		"right":                      {0, true},
		"ten years ahead":            {10 * 365 * 24 * time.Hour, true},
		"before the program's build": {-365 * 24 * time.Hour, false},
	} {
		w := newWorld(t)
		w.controller.publishAll()
		w.connect()
		w.start = w.start.Add(test.off)
		w.run(time.Second)
		if got := !w.wall.IsZero(); got != test.want {
			t.Errorf("%s: set is %t", name, got)
		}
		if refused := len(w.refusedSince(0)) > 0; refused == test.want {
			t.Errorf("%s: refused is %t", name, refused)
		}
		if !w.link.states.up {
			t.Errorf("%s: the link is down over it", name)
		}
		if !test.want {
			continue
		}
		w.run(stateEvery)
		w.start = w.start.Add(-test.off - time.Hour)
		refused := w.refusedSince(0)
		w.run(2 * stateEvery)
		if off := w.wall.Sub(w.start.Add(w.now)).Abs(); off > 2*stateEvery {
			t.Errorf("%s, and put right: %v off", name, off)
		}
		if again := w.refusedSince(0); len(again) != len(refused) {
			t.Errorf("%s, and put right: refused %v", name, again)
		}
	}
}

// The answer to a state is held up until the next one was answered: what time it
// was then is no news.
func TestTheClockIsNotSetByTheAnswerToAnOlderState(t *testing.T) {
	w := started(t)
	w.run(stateEvery)
	l, wall := w.link, w.controller.wall().UnixMilli()
	l.asked = l.now - time.Second
	if err := l.setClock(wall, l.now-2*time.Second); err != nil || len(l.actions) != 0 {
		t.Errorf("%v, %v", err, l.actions)
	}
	if err := l.setClock(wall, l.now-time.Second/2); err != nil || len(l.actions) != 1 {
		t.Errorf("%v, %v", err, l.actions)
	}
}

func TestAConditionThatCannotBeToldDoesNotSilenceTheLink(t *testing.T) {
	w := started(t)
	w.step(w.report(wire.Condition{Strike: "ajar", Door: wire.DoorIsClosed}))
	w.run(time.Minute)
	w.inStep()
	if s := w.controller.state; len(s.Condition.Faults) != 1 || len(w.refusedSince(0)) == 0 {
		t.Errorf("the controller is told %+v", s.Condition)
	}
}

func TestAReaderIsSoonHeardOfByAControllerThatComesLater(t *testing.T) {
	w := newWorld(t)
	w.controller.publishAll()
	w.controller.silent = true
	w.connect()
	w.run(time.Second) // the first is out
	var apart []time.Duration
	for last := w.link.states.sent[0].at; len(apart) < 4 && w.now < 5*time.Minute; w.run(time.Second) {
		if at := w.link.states.sent[0].at; at != last {
			apart, last = append(apart, at-last), at
		}
	}
	if want := []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, stateEvery}; !slices.Equal(apart, want) {
		t.Errorf("states %v apart", apart)
	}
}

// A controller that leads from now on publishes a head. A reader whose state came when nobody led says it again, though its
// link is up still: otherwise the next one that finds nobody takes the link down.
func TestAReaderWhoseStateFoundNoControllerReportsAgainWhenOneCame(t *testing.T) {
	for name, retained := range map[string]bool{"a head that a controller publishes": false, "a head that the broker has kept": true} {
		w := started(t)
		w.run(10 * time.Second)
		n := len(w.published)
		w.controller.silent = true
		w.step(w.report(wire.Condition{Strike: wire.StrikePulse, Door: wire.DoorIsClosed}))
		w.run(time.Second)
		w.hand(wire.OnHead, w.controller.head(), retained)
		w.controller.silent = false
		w.run(answerWait)
		if s, again := w.states(n), !w.link.states.sent[0].answered; again != retained || len(s) != map[bool]int{false: 2, true: 1}[retained] {
			t.Errorf("%s: %d states, the newest without an answer: %v", name, len(s), again)
		}
		n = len(w.published)
		w.hand(wire.OnHead, w.controller.head(), false)
		w.run(answerWait)
		if s := w.states(n); !retained && len(s) != 0 {
			t.Errorf("%s: %d states more, though the last was answered", name, len(s))
		}
	}
}

func TestAPolicyIsToldTogetherWithWhatItHasChanged(t *testing.T) {
	w := started(t)
	w.run(10 * time.Second)
	n := len(w.published)
	w.condition.Mode = &wire.ModeState{Mode: wire.ModeLockdown, Cause: wire.CauseWanted} // what the reader will report
	newer := *w.controller.policy
	newer.Revision++
	w.controller.policy = &newer
	w.fromSite(wire.OnPolicy, sign(wire.KindPolicy, &newer), true)
	w.deliver()
	s := w.states(n)
	if len(s) != 1 || s[0].PolicyRevision != newer.Revision || s[0].Condition.Mode.Mode != wire.ModeLockdown || s[0].Level != wire.Level {
		t.Errorf("%d states, the last %+v", len(s), s[len(s)-1])
	}
}
