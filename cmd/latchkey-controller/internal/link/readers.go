package link

import (
	"cmp"
	"context"
	"slices"
	"time"

	"latchkey/sync/wire"
)

// A ReaderStatus is the status of a reader.
type ReaderStatus struct {
	ID      string
	Door    string
	Online  bool
	Awaited bool        // it was connected when the controller started, and is expected to report soon
	Heard   time.Time   // zero: never
	State   *wire.State // the newest; nil: none
	Broker  string      // URL of the connection over which its newest state came; "": none did since the controller started
	Current bool        // it has the newest credentials and policy
	Behind  time.Time   // since when it has been online and not current, to a second or so; zero: it is current, or not online
}

// Readers returns the status of all readers that have a valid bundle.
func (l *Link) Readers(ctx context.Context) ([]ReaderStatus, error) {
	answer := make(chan []ReaderStatus, 1)
	select {
	case l.asked <- answer:
	case <-l.ended:
		return nil, errEnded
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case readers := <-answer:
		return readers, nil
	case <-l.ended:
		return nil, errEnded
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// readers returns the status of all readers, by id.
func (t *tracker) readers(now time.Time) []ReaderStatus {
	log := t.log.Load()
	var readers []ReaderStatus
	for id, peer := range *t.peers.Load() {
		p := t.presence(id)
		r := ReaderStatus{ID: id, Door: peer.Door}
		if p.bundle == peer.Bundle {
			r.Online, r.Heard, r.State = p.online(now), p.heard, p.state // a state is never changed
			if p.over != nil {
				r.Broker = p.over.broker.String()
			}
			r.Awaited = p.awaited(t.began, now)
			if r.Current = p.current(peer, log.Position); r.Online && !r.Current {
				r.Behind = p.lag.since
				if r.Behind.IsZero() { // since the last look
					r.Behind = now
				}
			}
		}
		readers = append(readers, r)
	}
	slices.SortFunc(readers, func(a, b ReaderStatus) int { return cmp.Compare(a.ID, b.ID) })
	return readers
}
