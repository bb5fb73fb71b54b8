package link_test

import (
	"context"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/store"
	readersync "latchkey/sync"
	"latchkey/sync/wire"
)

// named waits until a reader's now, command and ack have a term.
func named(m *model, term uint64) {
	m.t.Helper()
	for _, channel := range []wire.Channel{wire.OnNow, wire.OnCommand, wire.OnAck} {
		m.until(string(channel)+" is of the term", func() bool {
			got, ok := m.terms[channel]
			return ok && got == term
		})
	}
}

func TestTheTermIsNamedToReadersThatKnowIt(t *testing.T) {
	w := newWorld(t)
	w.hostile()
	w.term = 7
	w.serve()
	opens := answers(wire.Record{Kind: wire.AccessGranted, By: "remote", Seconds: 5})
	connect := func(id string, level uint8) *model {
		m := w.adopt(id, newBoard(t))
		m.level, m.obey = level, opens
		w.connect(m)
		w.order(store.Order{Reader: id, Order: wire.Unlock})
		return m
	}
	older, newer := connect("back-door", wire.LevelTerm-1), connect("front-door", wire.LevelTerm)
	named(older, 0)
	named(newer, 7)

	older.mu.Lock()
	older.level = wire.Level // its program is updated
	older.mu.Unlock()
	older.say()
	older.until("it has a term", func() bool { return older.terms[wire.OnNow] == 7 })
	w.order(store.Order{Reader: "back-door", Order: wire.Unlock})
	named(older, 7)

	// The next one knows what each understands before it has heard of it, and says so at once.
	w.end()
	w.term = 8
	w.serve()
	newer.until("it is told who leads", func() bool { return newer.terms[wire.OnNow] == 8 })
	if status, err := w.link.Readers(t.Context()); err != nil || status[1].Online {
		t.Errorf("%+v, %v", status, err)
	}
	newer.happen(wire.Record{Kind: wire.DoorOpened})
	newer.until("the next one has its record", func() bool {
		newer.report()
		return newer.acked == uint64(len(newer.records))
	})
	if got := newer.terms[wire.OnAck]; got != 8 {
		t.Errorf("its first ack has term %d", got)
	}
}

// A reader's own end of the link, over a broker that outlives the controllers.
func TestAReaderRefusesTheOrderOfAControllerThatLeadsNoMore(t *testing.T) {
	w := newWorld(t)
	w.hostile()
	w.term = 7
	w.serve()
	board := newBoard(t)
	up, told := make(chan struct{}, 1), make(chan readersync.News, 100)
	r := newReader(t, t.TempDir(), board, w.bundle("front-door", board), func(n readersync.News) {
		switch n := n.(type) {
		case readersync.LinkChanged:
			if n.Up {
				select {
				case up <- struct{}{}:
				default:
				}
			}
		case readersync.Command, readersync.Refused:
			told <- n
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	come(t, up, "the connection")
	for _, step := range []struct {
		term uint64
		obey bool
	}{{6, false}, {7, true}, {8, true}, {7, false}, {0, false}, {8, true}} {
		w.end()
		w.term = step.term
		w.serve()
		if _, err := w.link.Readers(ctx); err != nil { // it has begun
			t.Fatal(err)
		}
		answered := make(chan struct{})
		go func(l *link.Link) { // until the controller ends
			defer close(answered)
			for {
				o, err := l.Order(t.Context(), store.Order{Reader: "front-door", Order: wire.Identify, Who: "Grace"}, nil)
				if err != nil || !o.Unsent {
					return
				}
			}
		}(w.link)
		next := come(t, told, "what the reader makes of the order")
		for r, is := next.(readersync.Refused); is && r.Command == nil; r, is = next.(readersync.Refused) {
			next = come(t, told, "what the reader makes of the order") // the answer to its newest state
		}
		switch n := next.(type) {
		case readersync.Command:
			if !step.obey {
				t.Errorf("term %d: the order is carried out", step.term)
			}
		case readersync.Refused:
			if step.obey || n.Reason != wire.ReasonTerm || n.Command == nil {
				t.Errorf("term %d: %+v", step.term, n)
			}
		}
		w.end()
		come(t, answered, "the end of the order")
	}
}
