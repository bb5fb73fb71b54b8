package sync

import (
	"bytes"
	"errors"
	"time"

	"latchkey/sync/wire"
)

// log follows the controller's credential log.
type log struct {
	state  CacheState // as the cache last reported
	doing  doing      // the action that it carries out now
	survey bool       // a Survey is due

	head   *wire.VerifiedHead // the newest seen; nil: none
	newest wire.Position      // the newest position that the controller has signed

	tip      wire.Position          // the position once deltas are applied
	deltas   []*wire.VerifiedDelta  // to be applied
	size     int                    // of deltas together, in bytes
	chunks   []PutChunks            // to be stored; the first is under way while doingChunks
	manifest *wire.VerifiedManifest // to begin; nil: none

	beginning wire.Position // the snapshot of the newest manifest
	receiving wire.Position // the snapshot whose chunks are asked for

	forked     wire.Position // where the log forks from the cache; zero: it does not
	short      bool          // the controller has no deltas for the position held, or its snapshot is gone
	snapshotAt time.Duration // when to ask for one because of many deltas; 0: there are few
}

// doing is the action that the cache has yet to answer.
type doing uint8

const (
	doingNothing doing = iota
	doingResume
	doingSurvey
	doingKey
	doingDeltas
	doingManifest
	doingChunks
)

// Limits of the deltas that wait for the disk; further ones are fetched later.
const (
	mostDeltas     = 64
	mostDeltaBytes = 1 << 20
)

// snapshotWait is the longest random wait before a reader asks for a snapshot that is not
// urgent, so that the readers of a site do not all ask at once.
const snapshotWait = 10 * time.Minute

var errOlderHead = errors.New("older than one that was seen")

// takeHead accepts a signed head. Most nows bring the known one.
func (l *Link) takeHead(signed []byte) error {
	head := l.log.head
	if head == nil || !bytes.Equal(signed, head.Signed()) {
		var err error
		if head, err = wire.OpenHead(l.o.Site, signed, l.o.Controller); err != nil {
			return err
		}
	}
	if l.log.head != nil && l.log.head.Position().Above(head.Position()) {
		return errOlderHead
	}
	l.log.head = head
	l.learn(head.Position())
	return nil
}

// learn keeps a position that the controller has signed.
func (l *Link) learn(p wire.Position) {
	if !l.log.newest.Above(p) {
		l.log.newest = p
	}
	for _, known := range []wire.Position{l.log.state.Held, l.log.tip} {
		if known.Epoch == p.Epoch && known.Revision == p.Revision && known.Hash != p.Hash {
			l.fork(p)
		}
	}
}

// fork handles a controller's log whose history differs from the cache's.
func (l *Link) fork(p wire.Position) {
	if l.log.forked == (wire.Position{}) {
		l.do(Forked{p})
	}
	l.log.forked = p
}

// takeDelta accepts a signed delta. It is applied if it follows the position held, or that
// of deltas to be applied; otherwise it only tells the length of the log.
func (l *Link) takeDelta(signed []byte) error {
	delta, err := wire.OpenDelta(l.o.Site, signed, l.o.Controller)
	if err != nil {
		return err
	}
	d := delta.Delta()
	from, to := wire.Position{Epoch: d.Epoch, Revision: d.From, Hash: d.FromHash}, wire.Position{Epoch: d.Epoch, Revision: d.To, Hash: d.ToHash}
	g := &l.log
	if d.Epoch < g.state.Held.Epoch {
		return errors.New("of an older epoch")
	}
	l.learn(from)
	l.learn(to)
	if from == g.tip && g.tip.Epoch != 0 && len(g.deltas) < mostDeltas && g.size+len(signed) <= mostDeltaBytes {
		g.tip = to
		g.deltas = append(g.deltas, delta)
		g.size += len(signed)
	}
	return nil
}

// takeManifest accepts a signed manifest that was asked for.
func (l *Link) takeManifest(signed []byte) error {
	m, err := wire.OpenManifest(l.o.Site, signed, l.o.Controller)
	if err != nil {
		return err
	}
	l.log.beginning = m.Manifest().Position()
	l.learn(l.log.beginning)
	l.log.manifest = m
	return nil
}

// cached handles the cache's answer.
func (l *Link) cached(e Cached) {
	g := &l.log
	did, before := g.doing, g.state
	g.doing = doingNothing
	g.state = e.CacheState
	if did == doingChunks {
		g.chunks = g.chunks[1:]
	}
	if e.Resumed {
		g.receiving = g.state.Missing
	}
	if e.Switched {
		g.forked, g.receiving, g.deltas, g.size, g.chunks = wire.Position{}, wire.Position{}, nil, 0, nil
		if !g.newest.Above(g.state.Held) {
			g.newest = g.state.Held
		}
	}
	switch {
	case did == doingKey:
		l.keyStored(e.Err)
	case e.Err != nil:
		l.cacheRefused(did, e.Err)
	case did == doingManifest:
		g.short, g.snapshotAt = false, 0
		if !e.Switched {
			g.receiving = g.beginning
		}
		l.fetches.went(askLog)
		l.fetches.went(askChunks)
	case did == doingChunks:
		l.fetches.went(askChunks)
	case did == doingDeltas:
		l.fetches.went(askLog)
	}
	if len(g.deltas) == 0 {
		g.tip = g.state.Held
	}
	switch {
	case !g.state.WantsSnapshot:
		g.snapshotAt = 0
	case g.snapshotAt == 0:
		g.snapshotAt = l.now + l.o.jitter(snapshotWait) + 1
	}
	if before.Held != g.state.Held && l.states.positionAt == 0 {
		l.states.positionAt = l.now + positionWait + l.o.jitter(2*positionWait)
	}
	if before.Held.Epoch != g.state.Held.Epoch {
		l.states.dirty = true
	}
	key := did == doingKey && e.Err == nil
	if did == doingResume || key || e.Switched || before.Held != g.state.Held || text(before.Fault) != text(g.state.Fault) {
		l.do(CredentialsChanged{g.state.Held, g.state.Fault, key})
	}
	if g.newest.Epoch == g.state.Held.Epoch {
		l.learn(g.newest)
	}
}

// cacheRefused handles an error of the cache.
func (l *Link) cacheRefused(did doing, err error) {
	g := &l.log
	g.deltas, g.size, g.tip = nil, 0, g.state.Held
	unfit := errors.Is(err, wire.ErrUnfit) || errors.Is(err, wire.ErrForked)
	switch did {
	case doingDeltas:
		l.later(askLog)
		if errors.Is(err, wire.ErrForked) {
			l.fork(g.newest)
		}
		g.short = g.short || unfit
	case doingManifest:
		l.later(askLog)
		if unfit {
			l.refuse(string(wire.OnReply), err)
		}
	case doingChunks:
		l.later(askChunks)
		if errors.Is(err, wire.ErrForked) {
			// The whole snapshot was useless.
			l.fork(g.newest)
			l.fetches.again[askLog] = l.now + askAgainMost
		}
		if unfit {
			l.refuse(string(wire.OnReply), err)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// settleLog gives the cache its next action.
func (l *Link) settleLog() {
	g := &l.log
	if g.doing != doingNothing {
		return
	}
	switch {
	case l.key.ready():
		g.doing = doingKey
		l.do(l.key.take())
	case len(g.deltas) > 0:
		g.doing = doingDeltas
		l.do(Apply{g.deltas})
		g.deltas, g.size = nil, 0
	case g.manifest != nil:
		g.doing = doingManifest
		l.do(Begin{g.manifest})
		g.manifest = nil
	case len(g.chunks) > 0:
		g.doing = doingChunks
		l.do(g.chunks[0])
	case g.survey:
		g.doing, g.survey = doingSurvey, false
		l.do(Survey{})
	}
}
