package sync

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"latchkey/sync/wire"
)

// world is a link, its disk, a broker and a controller, all in memory.
type world struct {
	t          testing.TB
	now        time.Duration
	start      time.Time
	link       *Link
	disk       *disk
	cache      *cacheModel
	journal    *journalModel
	controller *controller
	policy     *wire.Policy // stored

	connections uint64
	online      bool
	events      []Event   // the disk's answers
	toReader    []Message // in the broker
	toSite      []Publish // in the broker
	retained    []Message // by the broker
	published   []Publish // all there were
	news        []News    // all there were
	done        []wire.Command
	answers     []CardAnswered
	wall        time.Time      // as the reader knows it; zero: it does not
	condition   wire.Condition // as last reported
	dropped     []string
	nextMinute  time.Duration
	fails       error // what the disk says to a policy
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, now: time.Second, start: time.Unix(1767300000, 0), cache: newCacheModel(), journal: newJournalModel(), controller: newController()}
	w.controller.wall = func() time.Time { return w.start.Add(w.now) }
	w.controller.send = w.fromSite
	w.disk = &disk{w.cache, w.journal, w.storePolicy}
	w.journal.append(wire.Record{Kind: wire.ReaderStarted})
	w.boot()
	return w
}

// boot starts the reader's program.
func (w *world) boot() {
	o := w.options()
	if w.policy != nil {
		o.PolicyRevision = w.policy.Revision
	}
	var actions []Action
	w.link, actions = New(o)
	w.online, w.events = false, nil
	w.carryOut(actions)
	w.step(w.report(wire.Condition{Strike: wire.StrikeOff, Door: wire.DoorIsClosed}))
}

func (w *world) options() Options {
	return Options{
		Site: site, SiteName: siteName, Reader: readerID, Version: "devel",
		Controller: publicKey(controllerKey), Signing: readerKey, Sealing: sealingKey,
		NotBefore: time.Unix(1767200000, 0), Random: rand.NewChaCha8([32]byte(seed(byte(w.connections)))),
	}
}

func (w *world) storePolicy(policy *wire.VerifiedPolicy) error {
	p := policy.Policy()
	switch {
	case w.fails != nil:
		return w.fails
	case w.policy != nil && w.policy.Revision >= p.Revision:
		return wire.ErrUnfit
	}
	w.policy = p
	return nil
}

// fromSite is the broker's end of what the controller publishes.
func (w *world) fromSite(c wire.Channel, payload []byte, retained bool) {
	m := Message{Topic: c.Topic(siteName, readerID), Payload: payload}
	if retained {
		w.retained = slices.DeleteFunc(w.retained, func(r Message) bool { return r.Topic == m.Topic })
		w.retained = append(w.retained, Message{m.Topic, payload, true})
	}
	if w.online {
		w.toReader = append(w.toReader, m)
	}
}

func (w *world) connect() {
	w.connections++
	w.online = true
	w.toReader = append(w.toReader, w.retained...)
	w.step(Connected{w.connections})
}

func (w *world) disconnect() {
	w.online = false
	w.toReader = nil
	w.step(Disconnected{"cut"})
}

// step hands an event to the link and carries out what comes of it; the disk
// answers when the world runs.
func (w *world) step(e Event) {
	before, ack, done := w.link.states, w.link.records.ack, len(w.done)
	actions := w.link.Step(w.now, e)
	w.carryOut(actions)
	w.fenced(e, before, ack, w.done[done:], actions)
	if at, ok := w.link.Deadline(); ok && at <= w.now {
		w.t.Fatalf("at %v the link asks for a step at %v", w.now, at)
	}
}

func (w *world) carryOut(actions []Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case Publish:
			if !w.online {
				w.t.Fatalf("%s is published without a connection", a.Topic)
			}
			w.published = append(w.published, a)
			w.toSite = append(w.toSite, a)
		case Resubscribe:
			for _, m := range w.retained {
				if m.Topic == a.Topic {
					w.toReader = append(w.toReader, m)
				}
			}
		case Drop:
			w.dropped = append(w.dropped, a.Why)
		case CardAnswered:
			w.answers = append(w.answers, a)
		case News:
			w.hear(a)
		default:
			w.events = append(w.events, w.disk.carryOut(a))
		}
	}
}

// hear is the reader's part.
func (w *world) hear(n News) {
	w.news = append(w.news, n)
	switch n := n.(type) {
	case Command:
		w.done = append(w.done, n.Command)
		w.record(wire.Record{Kind: wire.CommandDone, Command: n.ID})
	case Refused:
		if n.Command != nil {
			w.record(wire.Record{Kind: wire.CommandRefused, Command: n.Command.ID, Reason: n.Reason})
		}
	case ClockSet:
		w.wall = n.Wall
	case PolicyChanged:
		w.events = append(w.events, w.report(w.condition))
	}
}

// report returns the reader's report, with the policy that it holds.
func (w *world) report(c wire.Condition) Report {
	w.condition = c
	r := Report{Condition: c}
	if w.policy != nil {
		r.Policy = w.policy.Revision
	}
	return r
}

func (w *world) record(r wire.Record) {
	w.journal.append(r)
	w.events = append(w.events, Recorded{})
}

// deliver passes on what can be, until there is nothing more.
func (w *world) deliver() {
	for n := 0; w.deliverOne(); n++ {
		if n > 100000 {
			w.t.Fatal("the link and the controller do not come to rest")
		}
	}
}

// deliverOne passes one thing on, if there is any.
func (w *world) deliverOne() bool {
	switch {
	case len(w.events) > 0:
		e := w.events[0]
		w.events = w.events[1:]
		w.step(e)
	case len(w.toReader) > 0:
		m := w.toReader[0]
		w.toReader = w.toReader[1:]
		w.step(m)
	case len(w.toSite) > 0:
		p := w.toSite[0]
		w.toSite = w.toSite[1:]
		w.controller.receive(p.Topic, p.Payload, false)
	default:
		return false
	}
	return true
}

// run lets time pass, with everything delivered at once.
func (w *world) run(d time.Duration) {
	end := w.now + d
	for {
		w.deliver()
		next := end
		if at, ok := w.link.Deadline(); ok {
			next = min(next, at)
		}
		if w.online {
			w.nextMinute = max(w.nextMinute, w.now)
			next = min(next, w.nextMinute)
		}
		w.now = max(w.now, next)
		if w.now >= end {
			w.step(Tick{})
			w.deliver()
			return
		}
		if w.online && w.now >= w.nextMinute {
			w.nextMinute += time.Minute
			w.controller.minute()
		}
		w.step(Tick{})
	}
}

// started returns a world in which the reader is connected and in step.
func started(t testing.TB) *world {
	w := newWorld(t)
	w.controller.publishAll()
	w.connect()
	w.run(time.Second)
	w.inStep()
	return w
}

// inStep checks that the reader holds what the controller has, and the
// controller each record once.
func (w *world) inStep() {
	w.t.Helper()
	switch {
	case !w.link.states.up:
		w.t.Error("the link is not up")
	case w.cache.held != w.controller.position:
		w.t.Errorf("held is %v, and the log is at %v", w.cache.held, w.controller.position)
	case !slices.Equal(w.cache.tags(), w.controller.tags()) || !maps.EqualFunc(w.cache.content, w.controller.content, func(a, b wire.Credential) bool {
		return bytes.Equal(wire.Marshal(&a), wire.Marshal(&b))
	}):
		w.t.Errorf("%d credentials are held, %d should be", len(w.cache.content), len(w.controller.content))
	case w.policy == nil || w.policy.Revision != w.controller.policy.Revision:
		w.t.Error("the policy is not the newest")
	}
	w.eachRecordOnce()
}

func (w *world) eachRecordOnce() {
	w.t.Helper()
	held := w.controller.records[w.journal.id]
	for _, e := range w.journal.entries {
		if !bytes.Equal(held[e.Number], e.Encoded) {
			w.t.Errorf("the controller does not hold record %d", e.Number)
		}
	}
	if len(held) != len(w.journal.entries) || w.controller.alarms > 0 {
		w.t.Errorf("the controller holds %d records of %d, with %d alarms", len(held), len(w.journal.entries), w.controller.alarms)
	}
	if last, _ := w.journal.Last(); w.link.records.acked != last {
		w.t.Errorf("%d of %d records are acknowledged", w.link.records.acked, last)
	}
}

// heard returns the news of a kind.
func heard[N News](w *world) (news []N) {
	for _, n := range w.news {
		if n, ok := n.(N); ok {
			news = append(news, n)
		}
	}
	return news
}

// refusedSince returns the kinds and reasons of what was refused after the
// first n news.
func (w *world) refusedSince(n int) (reasons []string) {
	for _, news := range w.news[n:] {
		if r, ok := news.(Refused); ok {
			reasons = append(reasons, r.Message+": "+string(r.Reason))
		}
	}
	return reasons
}
