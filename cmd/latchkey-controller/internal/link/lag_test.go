package link

import (
	"testing"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/sync/wire"
)

func TestAReaderIsBehindSinceItLacksSomething(t *testing.T) {
	revision := func(n int) wire.Position {
		return wire.Position{Epoch: 1, Revision: uint64(n), Hash: wire.Hash{byte(n)}}
	}
	type step struct {
		second       int // of the look
		says         int // revision that it says to hold a moment before; 0: nothing
		policy       int // that it says to have
		newest, want int // revisions of the log and the policy
		behind       int // second since when it is; -1: it is not
	}
	for name, steps := range map[string][]step{
		"current":                         {{0, 5, 1, 5, 1, -1}, {60, 0, 0, 5, 1, -1}},
		"it gets a change":                {{0, 5, 1, 5, 1, -1}, {10, 0, 0, 6, 1, 10}, {11, 0, 0, 6, 1, 10}, {12, 6, 1, 6, 1, -1}},
		"it lacks the policy":             {{0, 5, 1, 5, 1, -1}, {10, 0, 0, 5, 2, 10}, {20, 5, 2, 5, 2, -1}},
		"it gets nothing while more come": {{0, 5, 1, 6, 1, 0}, {10, 0, 0, 7, 2, 0}, {20, 5, 2, 8, 2, 0}, {30, 0, 0, 9, 2, 0}},
		"it follows constant changes":     {{0, 5, 1, 6, 1, 0}, {1, 6, 1, 7, 1, 1}, {2, 7, 1, 8, 1, 2}, {3, 8, 1, 9, 1, 3}},
		"it was away":                     {{0, 5, 1, 6, 1, 0}, {95, 0, 0, 6, 1, -1}, {200, 5, 1, 6, 1, 200}},
	} {
		p, counter := new(presence), uint64(0)
		for i, s := range steps {
			if s.says != 0 {
				counter++
				held := revision(s.says)
				p.take(at(s.second), 1, &wire.State{Connection: 1, Counter: counter, Nonce: wire.Nonce{1}, Held: &held, PolicyRevision: uint64(s.policy)}, false)
			}
			p.lag.look(at(s.second), p, &site.Peer{Bundle: 1, PolicyRevision: uint64(s.want)}, revision(s.newest))
			if s.behind < 0 != p.lag.since.IsZero() || s.behind >= 0 && !p.lag.since.Equal(at(s.behind)) {
				t.Errorf("%s: step %d: behind since %v", name, i, p.lag.since)
			}
		}
	}
}
