package cluster

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"latchkey/cmd/latchkey-bench/internal/fleet"
)

// calm is how long a leader leads at least until it is killed: longer than a reader whose state was not answered waits
// until it says it again.
const calm = 6 * time.Second

// Failover kills the leader n times, at a random moment, with SIGKILL, and has a user added at a stand-by right after.
// It returns how long each time it took from the leader's death until all readers held the change. The readers of the
// fleet have power.
func (c *Cluster) Failover(ctx context.Context, f *fleet.Fleet, n int, random *rand.Rand, out io.Writer) (took []time.Duration, err error) {
	conn, err := c.connect(ctx, "home")
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	for i := range n {
		if err := whole(ctx, c, f); err != nil {
			return took, err
		}
		leader := c.Cells[0].Leader()
		var standBy *Controller
		for _, other := range c.Cells[0].Controllers {
			if other == leader {
				continue
			}
			if err := await(ctx, other.Name+" stands by", other.standsBy); err != nil {
				return took, err
			}
			standBy = other
		}
		time.Sleep(calm) // no leader dies every few seconds
		rest(ctx, random, time.Second)
		f.Forget()
		died := time.Now()
		leader.Kill()
		if _, err := c.RunIn(ctx, standBy.Dir, "user", "add", "--name", fmt.Sprint("Grace ", i+1), "--card", fmt.Sprintf("04%012x", i+1)); err != nil {
			return took, err
		}
		committed := time.Since(died)
		var revision uint64
		if err := conn.QueryRow(ctx, `SELECT max(revision) FROM changes`).Scan(&revision); err != nil {
			return took, err
		}
		within, cancel := context.WithTimeoutCause(ctx, backWithin, fmt.Errorf("hold revision %d after %v", revision, backWithin))
		each, err := f.AwaitRevision(within, revision, died)
		cancel()
		if err != nil {
			return took, err
		}
		first, last := each[0], each[0]
		for _, one := range each {
			first, last = min(first, one), max(last, one)
		}
		fmt.Fprintf(out, "%d: %s died, the change was made after %v, the first reader held it after %v, the last after %v\n", i+1, leader.Name,
			committed.Round(time.Millisecond), first.Round(time.Millisecond), last.Round(time.Millisecond))
		took = append(took, last)
		if err := leader.Start(ctx); err != nil {
			return took, err
		}
	}
	return took, nil
}
