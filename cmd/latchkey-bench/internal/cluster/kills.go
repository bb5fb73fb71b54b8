package cluster

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"latchkey/cmd/latchkey-bench/internal/fleet"
)

// Kills is a run in which parts of a cluster are killed at random moments, or paused, while readers make records and
// administrators change things, open doors and, if there are several cells, move readers between them. Then all of a cell
// loses its power at times, too.
type Kills struct {
	N       int           // how often one is killed or paused
	Seed    uint64        // decides which, when, and for how long
	Pause   time.Duration // the longest
	Records float64       // that the readers make a second
	Ease    int           // how much longer than usual administrators rest, as a factor; 0: not
	Settle  bool          // wait for minutes until readers that are moved are of one cell only, in the middle and in the end
}

// What is killed, one of each in turn, in random order.
const (
	theLeader = iota
	aStandBy
	aBroker
	theServer
	aCell // with all of it; only if there are several
	victims
)

// Run runs it on a cluster in which each cell is led, with a fleet whose readers have no power, which was opened with
// keeps. It returns an error if the cluster does not come back, and all that is wrong in the end.
func (k Kills) Run(ctx context.Context, c *Cluster, f *fleet.Fleet, out io.Writer) (counts Counts, wrong []string, err error) {
	watched := c.watch(ctx)
	defer watched.close()
	f.OnAck(watched.acked)
	f.PowerOn(ctx, 100*time.Millisecond)
	defer f.PowerOff()
	if err := f.AwaitUp(ctx, time.Time{}); err != nil {
		return counts, nil, err
	}
	if err := c.awaitLevels(ctx); err != nil {
		return counts, nil, err
	}
	l := &load{c: c, ease: time.Duration(k.Ease), say: saying(out), readers: f.IDs(), users: map[string]fate{}, greetings: map[string][]string{}, cells: map[string][]string{}}
	if err := l.readCells(ctx); err != nil {
		return counts, nil, err
	}
	loaded, stop := context.WithCancel(ctx)
	defer stop()
	var working sync.WaitGroup
	working.Go(func() { f.Record(loaded, k.Records) })
	working.Go(func() { l.change(loaded, rand.New(rand.NewPCG(k.Seed, 1))) })
	working.Go(func() { l.unlock(loaded, rand.New(rand.NewPCG(k.Seed, 2)), "Grace") })
	working.Go(func() { l.unlock(loaded, rand.New(rand.NewPCG(k.Seed, 4)), "Heddy") })
	if len(c.Cells) > 1 {
		share := 1.0
		if k.Settle { // there is time for those who go over by themselves
			share = 0.7
		}
		f.Hurry(share, 3*time.Second)
		working.Go(func() { l.move(loaded, rand.New(rand.NewPCG(k.Seed, 5))) })
	}
	began := time.Now()
	r := &run{Kills: k, c: c, f: f, l: l, watched: watched, counts: &counts, say: l.say, random: rand.New(rand.NewPCG(k.Seed, 3))}
	err = r.kill(ctx)
	counts.Took = time.Since(began)
	stop()
	working.Wait()
	if err != nil {
		return counts, nil, err
	}
	wrong, err = r.settle(ctx)
	return counts, append(r.wrong, wrong...), err
}

// awaitLevels waits until the controller knows what all readers understand: until then it has policies without what they
// may not understand.
func (c *Cluster) awaitLevels(ctx context.Context) error {
	conn, err := c.connect(ctx, "home")
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return await(ctx, "all readers have said what they understand", func() bool {
		var unknown int
		return conn.QueryRow(ctx, `SELECT count(*) FROM readers WHERE level < 0`).Scan(&unknown) == nil && unknown == 0
	})
}

// A run is one that has begun.
type run struct {
	Kills
	c       *Cluster
	f       *fleet.Fleet
	l       *load
	watched *watch
	counts  *Counts
	say     func(format string, args ...any)
	random  *rand.Rand
	wrong   []string

	returning sync.WaitGroup // parts that are away
	failed    chan error     // of those
}

func (r *run) between(low, high time.Duration) time.Duration {
	return low + time.Duration(r.random.Int64N(int64(high-low)))
}

// saying returns a function that prints lines with the time.
func saying(out io.Writer) func(format string, args ...any) {
	var mu sync.Mutex
	return func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(out, time.Now().UTC().Format("15:04:05.000")+": "+format+"\n", args...)
	}
}

// kill kills parts, and returns when all of them run again.
func (r *run) kill(ctx context.Context) error {
	defer r.returning.Wait()
	r.failed = make(chan error, r.N)
	kinds := victims
	if len(r.c.Cells) == 1 {
		kinds = aCell
	}
	var order []int
	for n := range r.N {
		if n%kinds == 0 {
			order = r.random.Perm(kinds)
		}
		if n%8 == 7 { // readers that tried in vain for long wait for long
			if err := r.whole(ctx); err != nil {
				return err
			}
		} else if r.random.IntN(2) == 0 {
			if err := r.c.AwaitLeaders(ctx); err != nil {
				return err
			}
		}
		if n == r.N/2 && r.Settle && len(r.c.Cells) > 1 {
			if err := r.calm(ctx); err != nil {
				return err
			}
		}
		time.Sleep(r.between(50*time.Millisecond, 1500*time.Millisecond))
		var err error
		if kind := order[n%kinds]; kind == aCell {
			err = r.cut(ctx)
		} else {
			r.killOne(ctx, kind)
		}
		if err != nil {
			return err
		}
	}
	began := time.Now()
	defer func() { r.counts.Back = time.Since(began) }()
	return r.allBack(ctx)
}

// killOne kills a part of a kind, or pauses it.
func (r *run) killOne(ctx context.Context, kind int) {
	victim := r.c.choose(kind, r.random)
	pause, away := r.random.IntN(4) == 0, r.between(50*time.Millisecond, 2500*time.Millisecond)
	if pause {
		away = r.between(500*time.Millisecond, r.Pause)
	}
	if victim == nil { // all of them are away already
		victim = r.c.choose(aBroker, r.random)
	}
	if victim == nil {
		return
	}
	if pause {
		r.say("%s is paused for %v", victim.Name, away)
		victim.Pause()
		r.counts.Paused++
	} else {
		r.say("%s is killed, for %v", victim.Name, away)
		victim.Kill()
		r.counts.Killed[kind]++
	}
	r.returning.Go(func() {
		time.Sleep(away)
		if pause {
			victim.Resume()
		} else if err := victim.Start(ctx); err != nil {
			r.failed <- err
		}
	})
}

// allBack waits until all parts run, each cell is led, and all readers are answered.
func (r *run) allBack(ctx context.Context) error {
	r.returning.Wait()
	select {
	case err := <-r.failed:
		return err
	default:
	}
	return r.whole(ctx)
}

func (r *run) whole(ctx context.Context) error { return whole(ctx, r.c, r.f) }

// choose returns a part of a kind that runs, of any cell; nil: none does.
func (c *Cluster) choose(kind int, random *rand.Rand) *Part {
	cell := c.Cells[0]
	if n := len(c.Cells); n > 1 {
		cell = c.Cells[random.IntN(n)]
	}
	leader := cell.Leader()
	var of []*Part
	switch kind {
	case theLeader:
		if leader != nil {
			return leader.Part
		}
		fallthrough // who is about to lead
	case aStandBy:
		for _, controller := range cell.Controllers {
			if controller != leader {
				of = append(of, controller.Part)
			}
		}
	case aBroker:
		of = cell.Brokers
	case theServer:
		of = []*Part{c.PostgreSQL}
	}
	var running []*Part
	for _, p := range of {
		if p.runs() {
			running = append(running, p)
		}
	}
	if len(running) == 0 {
		return nil
	}
	return running[random.IntN(len(running))]
}

// backWithin is how long the cluster may take until each cell is led and all readers are answered.
const backWithin = 2 * time.Minute

// whole waits until each cell is led and all readers are answered.
func whole(ctx context.Context, c *Cluster, f *fleet.Fleet) error {
	ctx, cancel := context.WithTimeoutCause(ctx, backWithin, fmt.Errorf("not after %v", backWithin))
	defer cancel()
	if err := c.AwaitLeaders(ctx); err != nil {
		return err
	}
	return f.AwaitUp(ctx, time.Time{})
}
