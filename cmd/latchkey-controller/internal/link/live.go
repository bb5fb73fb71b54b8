package link

import (
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// freshFor is how long a reader counts as connected after its last state: it
// sends one every 30 s.
const freshFor = 95 * time.Second

// awaitFor is how long a reader that was connected when the controller began
// may take to be heard of.
const awaitFor = 40 * time.Second

// A presence is what is known of one reader's connection.
//
//	unknown --state--> there --end of the connection--> gone
//	                   ^   ^                             |
//	  higher counter --+   +-- higher counter or --------+
//	  or connection            connection
type presence struct {
	is                  where
	bundle              uint64 // whose states these are; another board counts anew
	connection, counter uint64 // the highest, and the highest in it
	nonce               wire.Nonce
	heard               time.Time   // when the newest state came, or the end
	live                bool        // it came by itself: it was kept by nobody, and is not of yesterday
	state               *wire.State // the newest one that says more than that the connection ended
	fetchConnection     uint64
	fetchNumber         uint64
}

type where int

const (
	unknown where = iota
	there
	gone
)

// take takes a state over and says whether it is news.
func (p *presence) take(now time.Time, bundle uint64, s *wire.State, retained bool) bool {
	if bundle != p.bundle {
		*p = presence{bundle: bundle}
	}
	switch {
	case s.Connection < p.connection:
		return false
	case s.Connection > p.connection:
		p.connection, p.counter = s.Connection, 0
	}
	if s.Counter == 0 {
		p.is, p.nonce, p.heard, p.live = gone, wire.Nonce{}, now, !retained
		return true
	}
	if s.Counter <= p.counter {
		return false
	}
	p.is, p.counter, p.nonce, p.heard, p.live = there, s.Counter, s.Nonce, now, !retained
	p.state = s
	return true
}

// online says whether the reader is connected as far as is known.
func (p *presence) online(now time.Time) bool {
	return p.is == there && p.live && now.Sub(p.heard) < freshFor
}

// awaited says whether a reader that was connected when the controller began is
// due to be heard of.
func (p *presence) awaited(began, now time.Time) bool {
	return p.is == there && !p.live && now.Sub(began) < awaitFor
}

// fetches says whether a fetch is above all that were seen, and notes it.
func (p *presence) fetches(bundle uint64, f *wire.Fetch) bool {
	if bundle != p.bundle || f.Connection < p.fetchConnection || f.Connection == p.fetchConnection && f.Number <= p.fetchNumber {
		return false
	}
	p.fetchConnection, p.fetchNumber = f.Connection, f.Number
	return true
}

// keep returns what is kept of a presence on the disk.
func (p *presence) keep(reader string) *store.State {
	kept := &store.State{Reader: reader, Bundle: p.bundle, Connection: p.connection, Counter: p.counter, Offline: p.is == gone, Received: p.heard.UnixMilli()}
	if p.state != nil {
		kept.Payload = wire.Marshal(p.state)
	}
	return kept
}

// recall returns the presence that was kept; with an error, what can be said of
// it without the state.
func recall(kept *store.State) (*presence, error) {
	p := &presence{is: there, bundle: kept.Bundle, connection: kept.Connection, counter: kept.Counter, heard: time.UnixMilli(kept.Received)}
	if kept.Offline {
		p.is = gone
	}
	if len(kept.Payload) == 0 {
		return p, nil
	}
	state, err := wire.ParseState(kept.Payload)
	if err != nil {
		return p, fmt.Errorf("state of %s: %w", kept.Reader, err)
	}
	p.state = state
	if p.is == there {
		p.nonce = state.Nonce
	}
	return p, nil
}
