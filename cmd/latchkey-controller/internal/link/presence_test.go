package link

import (
	"testing"
	"time"

	"latchkey/sync/wire"
)

func TestAStateThatSaysNothingNewIsStoredEveryFiveMinutes(t *testing.T) {
	t.Parallel()
	p, now := new(presence), time.Unix(1_800_000_000, 0)
	state := wire.State{Connection: 7, PolicyRevision: 1}
	for i, c := range []struct {
		after  time.Duration
		change func()
		stored bool
	}{
		{0, func() {}, true},
		{30 * time.Second, func() {}, false},
		{30 * time.Second, func() { state.PolicyRevision++ }, true},
		{4*time.Minute + 59*time.Second, func() {}, false},
		{time.Second, func() {}, true},
		{time.Second, func() { state.Counter = 0 }, true}, // it has gone
		{time.Second, func() { state.Connection, state.Counter = 8, 1 }, true},
		{30 * time.Second, func() {}, false},
	} {
		now = now.Add(c.after)
		state.Counter++
		state.Nonce[0]++
		c.change()
		said := state
		if !p.take(now, 1, &said, false) {
			t.Fatalf("state %d is not taken", i)
		}
		if stored := p.news(); stored != c.stored {
			t.Errorf("state %d: stored %v, want %v", i, stored, c.stored)
		}
	}
}
