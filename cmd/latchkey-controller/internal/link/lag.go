package link

import (
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/sync/wire"
)

// A lag says since when a reader that is online has lacked credentials or a policy that were the newest then. One that
// follows constant changes closely is never far behind.
type lag struct {
	since    time.Time     // zero: it is current, or not online
	position wire.Position // the newest then
	policy   uint64
}

// look takes one look at a reader.
func (l *lag) look(now time.Time, p *presence, peer *site.Peer, newest wire.Position) {
	switch {
	case p.bundle != peer.Bundle || !p.online(now) || p.current(peer, newest):
		*l = lag{}
	case l.since.IsZero() || p.has(l.position, l.policy):
		*l = lag{now, newest, peer.PolicyRevision}
	}
}

// current says whether the reader has the newest credentials and policy.
func (p *presence) current(peer *site.Peer, newest wire.Position) bool {
	return p.state != nil && p.state.Held != nil && *p.state.Held == newest && p.state.PolicyRevision == peer.PolicyRevision
}

// has says whether the reader has credentials and a policy, or newer ones.
func (p *presence) has(position wire.Position, policy uint64) bool {
	return p.state != nil && p.state.Held != nil && (*p.state.Held == position || p.state.Held.Above(position)) && p.state.PolicyRevision >= policy
}

// noteLags looks at all readers.
func (t *tracker) noteLags(now time.Time) {
	newest := t.log.Load().Position
	for id, peer := range *t.peers.Load() {
		p := t.presence(id)
		p.lag.look(now, p, peer, newest)
	}
}
