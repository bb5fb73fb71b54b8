package link

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A tracker owns what is known about readers and pending orders. It never blocks.
type tracker struct {
	*Link
	began     time.Time
	presences map[string]*presence
	orders    pendingOrders
	awaited   map[wire.CommandID]*awaitedCard
	cards     chan cardAnswer
	asking    int                        // how many answers come yet: at most one for each order
	dirty     map[string]bool            // readers whose newest state is not stored yet
	heads     map[string]bool            // signed heads that were checked already
	reports   map[string]site.ModeReport // by reader: what its newest state says of modes, not handed on yet
	outages   outages
	linkNews  map[string]bool       // by reader: whether it is out of reach, not handed on yet
	settled   map[string]*site.Peer // by reader: it has come over from another cell, not handed on yet
}

// messagesAtOnce is how many messages are handled before the tracker looks for other work.
const messagesAtOnce = 64

// flushEvery is how often the newest states are written to the disk.
const flushEvery = 2 * time.Second

func (l *Link) track(ctx context.Context) error {
	t := &tracker{Link: l, began: time.Now(), presences: map[string]*presence{}, orders: pendingOrders{}, awaited: map[wire.CommandID]*awaitedCard{}, cards: make(chan cardAnswer), dirty: map[string]bool{}, heads: map[string]bool{}, reports: map[string]site.ModeReport{},
		outages: outages{up: map[string]time.Time{}, out: map[string]bool{}}, linkNews: map[string]bool{}, settled: map[string]*site.Peer{}}
	site.Persist(ctx, l.o.Log, "cannot read what readers have reported", watchAgain, func() error { return t.recall(ctx) })
	second, flush := time.Tick(time.Second), time.Tick(flushEvery)
	for {
		select {
		case <-ctx.Done():
			for _, o := range t.orders {
				t.orders.answer(o, OrderResult{Text: language.Say("the controller ended before an answer came")})
			}
			for t.asking > 0 {
				t.cardAnswered(<-t.cards)
			}
			var wait []*store.State
			select {
			case wait = <-l.states:
			default:
			}
			return l.storeLast(ctx, wait, t.states())
		case <-l.inbox.ready:
			for range messagesAtOnce {
				m, ok := l.inbox.next()
				if !ok {
					break
				}
				t.message(time.Now(), m)
			}
			t.handOnReports()
		case p := <-l.placed:
			t.place(time.Now(), p)
		case c := <-t.cards:
			t.cardAnswered(c)
		case o := <-l.answers:
			t.records(time.Now(), o)
		case news := <-l.elsewhere:
			t.hearOf(time.Now(), news)
		case answer := <-l.asked:
			answer <- t.readers(time.Now())
		case now := <-second:
			t.handOnReports()
			t.handOnSettled()
			t.noteOutages(now)
			t.noteLags(now)
			t.orders.expire(now)
			for id, a := range t.awaited {
				if t.orders[id] == nil {
					clear(a.uid)
					delete(t.awaited, id)
				}
			}
		case <-flush:
			if len(t.dirty) > 0 && len(l.states) == 0 { // otherwise the disk is slow; later
				if states := t.states(); len(states) > 0 {
					l.states <- states // nobody else sends there
				}
				clear(t.dirty)
			}
		}
	}
}

// handOnReports hands on what readers have said of modes, unless the disk is slow: then
// later, with what they say meanwhile.
func (t *tracker) handOnReports() {
	if len(t.reports) == 0 {
		return
	}
	select {
	case t.modes <- slices.Collect(maps.Values(t.reports)):
		clear(t.reports)
	default:
	}
}

// recall reads the states that were stored of the readers that the link serves.
func (t *tracker) recall(ctx context.Context) error {
	return t.o.Site.View(ctx, func(tx *store.Tx) error {
		states, err := tx.StatesIn(t.o.Cell)
		for _, kept := range states {
			var damaged error
			if t.presences[kept.Reader], damaged = recall(kept); damaged != nil {
				t.o.Log.Error("the stored state of a reader is damaged; the reader reports a new one", "err", damaged)
			}
		}
		return err
	})
}

// states returns what is to be written to the disk, which is taken to be written then. Of a reader that is being moved that
// is each state: the other cell answers it, and hears by it that the reader is in reach.
func (t *tracker) states() []*store.State {
	var states []*store.State
	peers := *t.peers.Load()
	for reader := range t.dirty {
		p, peer := t.presences[reader], peers[reader]
		if p.news() || peer != nil && peer.Cell.From != 0 {
			states = append(states, p.stored(reader))
		}
	}
	return states
}

func (t *tracker) presence(reader string) *presence {
	p := t.presences[reader]
	if p == nil {
		p = new(presence)
		t.presences[reader] = p
	}
	return p
}

// lastFor is how long storing what readers said last may take: the process ends.
const lastFor = 2 * time.Second

// storeLast stores states, a list after the other, when the link ends, unless another controller leads, which knows better.
func (l *Link) storeLast(ctx context.Context, lists ...[]*store.State) error {
	if errors.As(context.Cause(ctx), new(*store.LostLeadError)) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFor)
	defer cancel()
	for _, states := range lists {
		if len(states) == 0 {
			continue
		}
		if err := l.o.Site.SetStates(ctx, states); err != nil {
			return err
		}
	}
	return nil
}
