package link

import (
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// freshFor is how long a reader counts as connected after its last state. It sends one
// every 30 s.
const freshFor = 95 * time.Second

// awaitFor is how long a reader that was connected when the controller started may take
// to report.
const awaitFor = 40 * time.Second

// A presence is what is known about one reader's connection.
//
//	unheard --state--> connected --end of the connection--> disconnected
//	                    ^   ^                                    |
//	   higher counter --+   +-- higher counter or connection ----+
//	   or connection
type presence struct {
	is                  presenceIs
	bundle              uint64 // whose states these are; with another bundle the counters begin again
	connection, counter uint64 // the highest connection, and the highest counter in it
	nonce               wire.Nonce
	heard               time.Time   // when the newest state came, or the end of the connection
	since               time.Time   // when the first state of this connection came from the reader; zero: none did
	direct              bool        // the newest state came from the reader now; it was neither retained nor stored
	elsewhere           bool        // another cell has heard it
	state               *wire.State // the newest that is not the end of a connection
	over                *connection // on which the newest state came that was not retained; nil: none did
	fetchConnection     uint64
	fetchNumber         uint64
	lag                 lag
	noted               wire.Hash // see news
	notedAt             time.Time
}

type presenceIs int

const (
	unheard presenceIs = iota
	connected
	disconnected
)

// take keeps a state if it is newer than what is known, and says whether it is.
func (p *presence) take(now time.Time, bundle uint64, s *wire.State, retained bool) bool {
	if bundle != p.bundle {
		*p = presence{bundle: bundle}
	}
	switch {
	case s.Connection < p.connection:
		return false
	case s.Connection > p.connection:
		p.connection, p.counter, p.since = s.Connection, 0, time.Time{}
	}
	if s.Counter == 0 {
		p.is, p.nonce, p.heard, p.direct, p.elsewhere, p.since = disconnected, wire.Nonce{}, now, !retained, false, time.Time{}
		return true
	}
	if s.Counter <= p.counter {
		return false
	}
	p.is, p.counter, p.nonce, p.heard, p.direct, p.elsewhere = connected, s.Counter, s.Nonce, now, !retained, false
	if p.direct && p.since.IsZero() {
		p.since = now
	}
	p.state = s
	return true
}

// kept says whether a state is the newest one, and the reader has not said it to this controller.
func (p *presence) kept(s *wire.State) bool {
	return p.is == connected && !p.direct && !p.elsewhere && s.Connection == p.connection && s.Counter == p.counter
}

// online says whether the reader is connected, as far as the controller can tell.
func (p *presence) online(now time.Time) bool {
	return p.is == connected && p.direct && now.Sub(p.heard) < freshFor
}

// reachable says whether the reader is connected here, or in the other cell that serves it.
func (p *presence) reachable(now time.Time) bool {
	return p.is == connected && (p.direct || p.elsewhere) && now.Sub(p.heard) < freshFor
}

// awaited says whether a reader that was connected when the controller started is expected
// to report soon.
func (p *presence) awaited(began, now time.Time) bool {
	return p.is == connected && !p.direct && !p.elsewhere && now.Sub(began) < awaitFor
}

// fetches says whether a fetch is newer than all before, and remembers it.
func (p *presence) fetches(bundle uint64, f *wire.Fetch) bool {
	if bundle != p.bundle || f.Connection < p.fetchConnection || f.Connection == p.fetchConnection && f.Number <= p.fetchNumber {
		return false
	}
	p.fetchConnection, p.fetchNumber = f.Connection, f.Number
	return true
}

// stored returns what is stored of a presence.
func (p *presence) stored(reader string) *store.State {
	s := &store.State{Reader: reader, Bundle: p.bundle, Connection: p.connection, Counter: p.counter, Offline: p.is == disconnected, Received: p.heard.UnixMilli()}
	if p.state != nil {
		s.Payload = wire.Marshal(p.state)
	}
	return s
}

// noteAgain is how often a reader's state is stored while only its nonce and counter change: states come every 30 s, and
// those of a hundred thousand readers would be more than all else that is stored. Those of readers that are being moved are
// stored all, see tracker.states.
const noteAgain = 5 * time.Minute

// news says whether the newest state tells more than the one that was stored last, or that was stored long ago, and
// counts on it that it is stored now.
func (p *presence) news() bool {
	var calm wire.State
	if p.state != nil {
		calm = *p.state
	}
	calm.Connection, calm.Counter, calm.Nonce = p.connection, 0, wire.Nonce{}
	if p.is == connected {
		calm.Counter = 1
	}
	hash := wire.Sum(wire.Marshal(&calm))
	if hash == p.noted && p.heard.Sub(p.notedAt) < noteAgain {
		return false
	}
	p.noted, p.notedAt = hash, p.heard
	return true
}

// recall returns the presence that was stored; with an error, what is known without the
// state, which is damaged.
func recall(kept *store.State) (*presence, error) {
	p := &presence{is: connected, bundle: kept.Bundle, connection: kept.Connection, counter: kept.Counter, heard: time.UnixMilli(kept.Received)}
	if kept.Offline {
		p.is = disconnected
	}
	if len(kept.Payload) == 0 {
		return p, nil
	}
	state, err := wire.ParseState(kept.Payload)
	if err != nil {
		return p, fmt.Errorf("state of %s: %w", kept.Reader, err)
	}
	p.state = state
	if p.is == connected {
		p.nonce = state.Nonce
	}
	return p, nil
}
