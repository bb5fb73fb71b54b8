package link

import (
	"context"
	"maps"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
)

// outageAfter is how long a reader's link must be down before its outage is an event.
const outageAfter = time.Minute

// outages tells when readers are out of reach for outageAfter, and when they are back. A
// reader that was never connected is not awaited.
//
//	unknown --online--> up --offline for a minute--> out
//	   |                 ^                            |
//	   +--a minute, if it was connected once--> out   |
//	                     +-----------online-----------+
type outages struct {
	up  map[string]time.Time // when a reader was online last; at first, when it was looked at first
	out map[string]bool      // what was told last
}

// look takes one look at a reader, and says whether there is something new to tell.
func (o *outages) look(now time.Time, reader string, known, online bool) (news bool) {
	since, seen := o.up[reader]
	if online || !seen {
		o.up[reader] = now
		since = now
	}
	was, told := o.out[reader]
	switch {
	case online && (!told || was):
		o.out[reader] = false
	case !online && known && !was && now.Sub(since) >= outageAfter:
		o.out[reader] = true
	default:
		return false
	}
	return true
}

// keep forgets readers that are no longer there.
func (o *outages) keep(there func(reader string) bool) {
	gone := func(reader string, _ time.Time) bool { return !there(reader) }
	maps.DeleteFunc(o.up, gone)
	maps.DeleteFunc(o.out, func(reader string, _ bool) bool { return !there(reader) })
}

// noteOutages looks at all readers of the cell, and hands on what is new, unless the disk is slow: then
// later. Of one that is being moved into another cell that cell tells.
func (t *tracker) noteOutages(now time.Time) {
	peers := *t.peers.Load()
	t.outages.keep(func(reader string) bool { return peers[reader] != nil && t.owns(peers[reader]) })
	for id, peer := range peers {
		if !t.owns(peer) {
			continue
		}
		if peer.Cell.From != 0 && t.deaf.Load() { // the other cell may hear it: the minute begins again
			t.outages.up[id] = now
			continue
		}
		p := t.presence(id)
		mine := p.bundle == peer.Bundle
		if t.outages.look(now, id, mine && p.is != unheard, mine && p.reachable(now)) {
			t.linkNews[id] = t.outages.out[id]
		}
	}
	if len(t.linkNews) == 0 {
		return
	}
	select {
	case t.links <- maps.Clone(t.linkNews):
		clear(t.linkNews)
	default:
	}
}

// takeOutages stores which readers are out of reach, true, and which are back. What cannot
// be stored is kept for another attempt.
func (rec *recorder) takeOutages(ctx context.Context, links map[string]bool) error {
	maps.Copy(rec.links, links)
	if len(rec.links) == 0 {
		return nil
	}
	err := rec.o.Site.TakeOutages(ctx, rec.o.Cell, clock.Read(), rec.links)
	if err == nil {
		clear(rec.links)
	}
	return err
}
