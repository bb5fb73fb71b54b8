package link

import (
	"context"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A reader that is moved from cell A to cell B is served by the links of both, each at the brokers of its own cell, until
// it has come over:
//
//	of A --moved--> of B, from A --a while on one connection to B's brokers--> of B
//	 ^                   |
//	 +---moved back------+
//
// It goes over only once it has heard the controller there, which has to answer a state that the reader has told A: see
// sync/connect.go. A's link stores each at once; B's reads it, and answers it at its own brokers. The reader refuses what
// names a lower term than it has heard, so B's link names from then on the highest of all cells' leads.
//
// A reader that comes here though another cell alone serves it, and that has another policy than the site, has lost it, or
// the site was restored from an older state: it knows of other brokers, and nobody there would hear it. It is served here,
// too, as if it were being moved from here, until it has the site's policy and has come over. One that has that policy, and
// comes because none of its brokers is in reach, is not: a cell whose brokers fail must not fill another one.
//
// B's link tells of outages, for which it counts what A has heard, and of none while that cannot be read. Without a controller
// in B nobody does.

// movingEvery is how often a link looks at what other cells have heard of readers that are being moved. Readers listen for
// an answer to their newest two states, and tell one every 30 s.
const movingEvery = 3 * time.Second

// A heardElsewhere is a state that another cell's leader has stored.
type heardElsewhere struct {
	*store.State
	now bool // it came after others of the reader, a moment ago; otherwise when it was received
}

// A told is what a state is newer by than others.
type told struct {
	bundle, connection, counter uint64
	offline                     bool
}

// followMoves hands on what other cells hear of readers that are being moved into this cell or out of it.
func (l *Link) followMoves(ctx context.Context) error {
	last := map[string]told{}
	failed := ""
	for tick := time.Tick(movingEvery); ; {
		err := l.lookAtMoves(ctx, last)
		l.deaf.Store(err != nil)
		if err == nil {
			failed = ""
		} else if ctx.Err() == nil && err.Error() != failed {
			if failed = err.Error(); store.Outage(err) == "" { // that is logged elsewhere
				l.o.Log.Error("cannot read what other cells hear of readers that are being moved; trying again", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-l.moved:
		case <-tick:
		}
	}
}

// lookAtMoves takes one look. last has what was handed on of each reader that is being moved.
func (l *Link) lookAtMoves(ctx context.Context, last map[string]told) error {
	peers := *l.peers.Load()
	is := func(id string) bool { return peers[id] != nil && peers[id].Cell.From != 0 }
	one := false
	for id := range peers {
		if one = is(id); one {
			break
		}
	}
	for id := range last {
		if !is(id) {
			delete(last, id)
		}
	}
	if !one {
		return nil
	}
	moving, err := l.o.Site.Moving(ctx, l.o.Cell, l.o.Term)
	if err != nil {
		return err
	}
	if l.o.Term != 0 && moving.Term > l.term.Load() {
		l.term.Store(moving.Term)
	}
	var news []heardElsewhere
	for _, s := range moving.States {
		is := told{s.Bundle, s.Connection, s.Counter, s.Offline}
		if was, known := last[s.Reader]; !known || is != was {
			last[s.Reader] = is
			news = append(news, heardElsewhere{s, known})
		}
	}
	if len(news) == 0 {
		return nil
	}
	select {
	case l.elsewhere <- news:
	case <-ctx.Done():
	}
	return nil
}

// hearOf takes what other cells have heard. Readers that come hear the controller here, too.
func (t *tracker) hearOf(now time.Time, news []heardElsewhere) {
	for _, n := range news {
		peer := (*t.peers.Load())[n.Reader]
		if peer == nil || peer.Bundle != n.Bundle {
			continue
		}
		heard := now
		if received := time.UnixMilli(n.Received); !n.now && received.Before(now) {
			heard = received
		}
		p := t.presence(n.Reader)
		newer, err := p.hearOf(heard, n.State)
		if newer && err == nil && p.is == connected && p.state != nil && t.owns(peer) {
			err = t.answer(peer, p.state)
		}
		if err != nil {
			t.o.Log.Error("what another cell has heard of a reader is of no use", "err", err)
		}
	}
}

// hearOf takes a state that another cell has heard, if it is newer than what is known, and says whether it is.
func (p *presence) hearOf(heard time.Time, s *store.State) (newer bool, err error) {
	same := s.Bundle == p.bundle
	switch offline := p.is == disconnected; {
	case !same:
	case s.Connection != p.connection:
		newer = s.Connection > p.connection
	case s.Counter != p.counter:
		newer = s.Counter > p.counter
	default:
		newer = s.Offline && !offline
	}
	if same && !newer {
		return false, nil
	}
	q, err := recall(s)
	if same {
		q.fetchConnection, q.fetchNumber = p.fetchConnection, p.fetchNumber
		if q.state == nil {
			q.state = p.state
		}
	}
	q.heard, q.elsewhere = heard, true
	*p = *q
	return true, err
}

// owns says whether this is the cell of a reader, and not that from which it is being moved.
func (t *tracker) owns(peer *site.Peer) bool {
	return peer.Cell.Cell == t.o.Cell
}

// settle notes a reader that has come over, when it tells a new state: it has been at the same broker for a while, and
// knows of no newer policy that names others.
func (t *tracker) settle(now time.Time, peer *site.Peer, state *wire.State) {
	p := t.presence(peer.Reader)
	if peer.Cell.From != 0 && t.o.Cell == peer.Cell.Cell && state.PolicyRevision == peer.PolicyRevision && now.Sub(p.since) >= t.o.SettleAfter {
		t.settled[peer.Reader] = peer
	}
}

// handOnSettled has stored who has come over, unless the disk is slow: then later.
func (t *tracker) handOnSettled() {
	if len(t.settled) == 0 {
		return
	}
	peers := make([]*site.Peer, 0, len(t.settled))
	for _, p := range t.settled {
		peers = append(peers, p)
	}
	select {
	case t.come <- peers:
		clear(t.settled)
	default:
	}
}

// takeSettled stores who has come over. Who is not stored now is at its next state.
func (rec *recorder) takeSettled(ctx context.Context, peers []*site.Peer) error {
	settled, err := rec.o.Site.Settle(ctx, rec.o.Cell, peers)
	if err == nil && len(settled) > 0 {
		rec.o.Log.Info("readers have moved here from another cell", "count", len(settled), "first", settled[0])
	}
	return err
}

// takeInEvery is how often it is looked whether a reader is to be taken in, of all that ask in turn: each look reads the
// database, and anybody with a certificate asks for it. mostAstray bounds how many wait for that, as whoever has the broker
// makes up names.
const takeInEvery, mostAstray = 100 * time.Millisecond, 1024

// takeIn has this cell serve a reader of another one that has come astray.
func (p *publisher) takeIn(ctx context.Context, m message) error {
	if p.peers[m.reader] != nil {
		return nil
	}
	taken, err := p.o.Site.TakeIn(ctx, p.o.Cell, m.reader, m.payload)
	if err == nil && taken {
		p.o.Log.Warn("a reader of another cell is here, with another policy than it is to have: it is served here until it has moved", "reader", m.reader)
	}
	return err
}
