package sync

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"latchkey/sync/wire"
)

// TestOverALossyBrokerTheReaderEndsInStep lets a broker drop, double, reorder,
// delay and replay everything, cuts connections, starts the reader anew and
// lets its disk fail, while the site changes and things happen at the door.
// Nothing is ever carried out twice, what is held is always a state of the
// log, and once the broker behaves the reader is in step and the controller
// has each record once.
func TestOverALossyBrokerTheReaderEndsInStep(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		l := &lossy{world: w, t: rt, positions: map[wire.Position]bool{}}
		w.controller.lead(uint64(l.draw(5, "term")))
		w.controller.fill(rapid.SampledFrom([]int{0, 10, 700}).Draw(rt, "credentials"))
		w.cache.many = rapid.SampledFrom([]int{0, 0, 3}).Draw(rt, "too many deltas")
		w.controller.publishAll()
		l.mark()
		rt.Repeat(map[string]func(*rapid.T){
			"deliver to the reader": func(t *rapid.T) { l.toReaderSome() },
			"deliver to the site":   func(t *rapid.T) { l.toSiteSome() },
			"let the disk answer":   func(t *rapid.T) { l.disk() },
			"let everything arrive": func(t *rapid.T) { w.deliver() },
			"let time pass":         func(t *rapid.T) { l.pass() },
			"connect":               func(t *rapid.T) { l.reconnect() },
			"start the reader anew": func(t *rapid.T) { l.restart() },
			"change credentials":    func(t *rapid.T) { l.change() },
			"change the policy":     func(t *rapid.T) { l.changePolicy() },
			"start an epoch": func(t *rapid.T) {
				w.controller.startEpoch(w.controller.position.Epoch + 1)
				w.controller.publishAll()
				l.mark()
			},
			"make a snapshot":               func(t *rapid.T) { w.controller.makeSnapshot() },
			"order":                         func(t *rapid.T) { l.order() },
			"another leads":                 func(t *rapid.T) { w.controller.lead(w.controller.term + uint64(l.draw(2, "terms")) + 1) },
			"one that leads no more speaks": func(t *rapid.T) { l.late() },
			"a restored one leads":          func(t *rapid.T) { w.controller.lead(uint64(l.draw(int(w.controller.term), "term"))) },
			"happen":                        func(t *rapid.T) { w.record(wire.Record{Kind: wire.DoorOpened}) },
			"fail":                          func(t *rapid.T) { l.fail() },
			"damage":                        func(t *rapid.T) { l.damage() },
			"":                              func(t *rapid.T) { l.check() },
		})
		l.settle()
	})
}

type lossy struct {
	*world
	t         *rapid.T
	positions map[wire.Position]bool // that the log has been at
	old       []Message              // that a broker may replay
	orders    byte
}

func (l *lossy) mark() { l.positions[l.controller.position] = true }

func (l *lossy) draw(most int, label string) int { return rapid.IntRange(0, most).Draw(l.t, label) }

// toReaderSome delivers one message, any of them, or loses, doubles or replays
// one.
func (l *lossy) toReaderSome() {
	if len(l.old) > 0 && l.draw(4, "replay") == 0 {
		l.step(l.old[l.draw(len(l.old)-1, "which")])
		return
	}
	if len(l.toReader) == 0 {
		return
	}
	i := l.draw(min(len(l.toReader)-1, 5), "which")
	m := l.toReader[i]
	if len(l.old) < 30 {
		l.old = append(l.old, m)
	}
	switch l.draw(5, "fate") {
	case 0:
		l.toReader = slices.Delete(l.toReader, i, i+1)
	case 1:
		l.step(m)
	default:
		l.toReader = slices.Delete(l.toReader, i, i+1)
		l.step(m)
	}
}

func (l *lossy) toSiteSome() {
	if len(l.toSite) == 0 {
		return
	}
	i := l.draw(min(len(l.toSite)-1, 5), "which")
	p := l.toSite[i]
	fate := l.draw(5, "fate")
	if fate != 1 {
		l.toSite = slices.Delete(l.toSite, i, i+1)
	}
	if fate != 0 {
		l.controller.receive(p.Topic, p.Payload, false)
		l.mark()
	}
}

func (l *lossy) disk() {
	if len(l.events) > 0 {
		e := l.events[0]
		l.events = l.events[1:]
		l.step(e)
	}
}

func (l *lossy) pass() {
	d := rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second, 7 * time.Second, 31 * time.Second, 3 * time.Minute}).Draw(l.t, "time")
	end := l.now + d
	for {
		at, ok := l.link.Deadline()
		if !ok || at > end {
			break
		}
		l.now = max(l.now, at)
		l.step(Tick{})
	}
	l.now = end
	l.step(Tick{})
}

func (l *lossy) reconnect() {
	if l.online {
		l.disconnect()
	}
	l.connect()
}

func (l *lossy) restart() {
	if l.online {
		l.disconnect()
	}
	if l.cache.incoming != nil && l.draw(1, "lost") == 0 {
		l.cache.incoming = nil
	}
	l.boot()
	l.connect()
}

func (l *lossy) change() {
	n := l.draw(3, "changes") + 1
	var changes []wire.Change
	for range n {
		tag, credential := credential(l.draw(20, "tag"))
		change := wire.Change{Tag: tag, Credential: &credential}
		if l.draw(2, "remove") == 0 {
			change.Credential = nil
		}
		changes = append(changes, change)
	}
	l.controller.send(wire.OnCredentials, l.controller.change(changes...), false)
	l.controller.sendHead()
	l.mark()
}

func (l *lossy) changePolicy() {
	p := *l.controller.policy
	p.Revision++
	l.controller.policy = &p
	l.controller.send(wire.OnPolicy, sign(wire.KindPolicy, &p), true)
}

func (l *lossy) order() {
	if l.controller.state != nil && l.orders < math.MaxUint8 {
		l.orders++
		l.controller.order(l.orders, wire.Unlock)
	}
}

// late sends something of a controller that led before.
func (l *lossy) late() {
	c := l.controller
	if c.state == nil || c.term == 0 {
		return
	}
	leads := c.term
	c.term = uint64(l.draw(int(leads)-1, "term"))
	switch l.draw(2, "what") {
	case 0:
		c.answer(c.state.Nonce)
	case 1:
		l.order()
	case 2:
		if c.acked > 0 {
			c.acknowledge(l.journal.id)
		}
	}
	c.term = leads
	if l.draw(2, "held up") > 0 {
		l.deliver()
	}
}

func (l *lossy) fail() {
	if l.cache.fails == nil {
		l.cache.fails, l.fails, l.journal.fails = errors.New("full"), errors.New("full"), errors.New("unreadable")
		return
	}
	l.cache.fails, l.fails, l.journal.fails = nil, nil, nil
}

func (l *lossy) damage() {
	if m := l.cache.manifest; m != nil && m.Chunks() > 0 {
		l.cache.damaged[l.draw(m.Chunks()-1, "chunk")] = true
		l.step(Damaged{})
	}
}

func (l *lossy) check() {
	if held := l.cache.held; held.Epoch != 0 && !l.positions[held] {
		l.t.Fatalf("held is %v, where the log never was", held)
	}
	seen := map[wire.CommandID]bool{}
	for _, c := range l.done {
		if seen[c.ID] {
			l.t.Fatalf("command %v is carried out twice", c.ID)
		}
		seen[c.ID] = true
	}
	last, _ := l.journal.Last()
	if l.link.records.acked > last || l.journal.first > l.controller.acked+1 {
		l.t.Fatalf("%d of %d records are acknowledged, of which the controller has %d", l.link.records.acked, last, l.controller.acked)
	}
	if len(l.link.fetches.open) > chunkFetches+1 || len(l.link.log.deltas) > mostDeltas {
		l.t.Fatal("more is on its way than is bounded")
	}
}

// settle lets the broker and the disk behave.
func (l *lossy) settle() {
	l.cache.fails, l.fails, l.journal.fails = nil, nil, nil
	l.reconnect()
	l.run(8 * time.Minute)
	l.inStep()
	if len(l.cache.damaged) > 0 {
		l.t.Fatalf("chunks %v are damaged", l.cache.damaged)
	}
	if l.world.t.Failed() {
		l.t.Fatalf("not in step: %+v, %+v", l.link.records, l.refusedSince(max(0, len(l.news)-20)))
	}
}
