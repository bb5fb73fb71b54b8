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
// administrators change things and open doors.
type Kills struct {
	N       int           // how often one is killed or paused
	Seed    uint64        // decides which, when, and for how long
	Pause   time.Duration // the longest
	Records float64       // that the readers make a second
}

// What is killed, one of each in turn, in random order.
const (
	theLeader = iota
	aStandBy
	aBroker
	theServer
	victims
)

// Run runs it on a cluster in which a controller leads, with a fleet whose readers have no power, which was opened with
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
	l := &load{c: c, readers: f.IDs(), users: map[string]fate{}, greetings: map[string][]string{}}
	loaded, stop := context.WithCancel(ctx)
	defer stop()
	var working sync.WaitGroup
	working.Go(func() { f.Record(loaded, k.Records) })
	working.Go(func() { l.change(loaded, rand.New(rand.NewPCG(k.Seed, 1))) })
	working.Go(func() { l.unlock(loaded, rand.New(rand.NewPCG(k.Seed, 2)), "Grace") })
	working.Go(func() { l.unlock(loaded, rand.New(rand.NewPCG(k.Seed, 4)), "Heddy") })
	began := time.Now()
	err = k.kill(ctx, c, f, &counts, out)
	counts.Took = time.Since(began)
	stop()
	working.Wait()
	if err != nil {
		return counts, nil, err
	}
	wrong, err = c.settle(ctx, f, l, watched, &counts)
	return counts, wrong, err
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

// kill kills parts, and returns when all of them run again.
func (k Kills) kill(ctx context.Context, c *Cluster, f *fleet.Fleet, counts *Counts, out io.Writer) error {
	random := rand.New(rand.NewPCG(k.Seed, 3))
	between := func(low, high time.Duration) time.Duration {
		return low + time.Duration(random.Int64N(int64(high-low)))
	}
	var returning sync.WaitGroup
	defer returning.Wait()
	failed := make(chan error, k.N)
	var order []int
	for n := range k.N {
		if n%victims == 0 {
			order = random.Perm(victims)
		}
		if n%8 == 7 { // readers that tried in vain for long wait for long
			if err := whole(ctx, c, f); err != nil {
				return err
			}
		} else if random.IntN(2) == 0 {
			if err := c.AwaitLeader(ctx); err != nil {
				return err
			}
		}
		time.Sleep(between(50*time.Millisecond, 1500*time.Millisecond))
		victim := c.choose(order[n%victims], random)
		pause, away := random.IntN(4) == 0, between(50*time.Millisecond, 2500*time.Millisecond)
		if pause {
			away = between(500*time.Millisecond, k.Pause)
		}
		if victim == nil { // all of them are away already
			victim = c.choose(aBroker, random)
		}
		if victim == nil {
			continue
		}
		if pause {
			fmt.Fprintf(out, "%v: %s is paused for %v\n", time.Now().UTC().Format("15:04:05.000"), victim.Name, away)
			victim.Pause()
			counts.Paused++
		} else {
			fmt.Fprintf(out, "%v: %s is killed, for %v\n", time.Now().UTC().Format("15:04:05.000"), victim.Name, away)
			victim.Kill()
			counts.Killed[order[n%victims]]++
		}
		returning.Go(func() {
			time.Sleep(away)
			if pause {
				victim.Resume()
			} else if err := victim.Start(ctx); err != nil {
				failed <- err
			}
		})
	}
	returning.Wait()
	began := time.Now()
	defer func() { counts.Back = time.Since(began) }()
	select {
	case err := <-failed:
		return err
	default:
	}
	return whole(ctx, c, f)
}

// choose returns a part of a kind that runs; nil: none does.
func (c *Cluster) choose(kind int, random *rand.Rand) *Part {
	leader := c.Leader()
	var of []*Part
	switch kind {
	case theLeader:
		if leader != nil {
			return leader.Part
		}
		fallthrough // who is about to lead
	case aStandBy:
		for _, controller := range c.Controllers {
			if controller != leader {
				of = append(of, controller.Part)
			}
		}
	case aBroker:
		of = c.Brokers
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

// backWithin is how long the cluster may take until a controller leads and answers all readers.
const backWithin = 2 * time.Minute

// whole waits until a controller leads and answers all readers.
func whole(ctx context.Context, c *Cluster, f *fleet.Fleet) error {
	ctx, cancel := context.WithTimeoutCause(ctx, backWithin, fmt.Errorf("not after %v", backWithin))
	defer cancel()
	if err := c.AwaitLeader(ctx); err != nil {
		return err
	}
	return f.AwaitUp(ctx, time.Time{})
}

// Counts are what a run has counted.
type Counts struct {
	Killed   [victims]int
	Paused   int
	Ends     int // controllers that ended by themselves
	Terms    int
	Records  int
	Acks     int              // of readers' records, that were looked for in the database when they came
	Unlooked int              // that could not be, as that was away
	Changes  int              // that commands said were made
	Doubtful int              // and those that failed
	Log      int              // length of the log
	Policies int              // stored by readers
	Orders   int              // carried out
	Unlocks  int              // that commands said were done
	Refused  int              // messages, by readers
	Latest   time.Duration    // an order was carried out after it had been asked for
	Took     time.Duration    // until all parts ran again, a controller led and answered all readers
	Back     time.Duration    // of that, since all parts ran again
	Waited   [3]time.Duration // and then until all records were acknowledged, the log and the policies were everywhere
}

// waited returns Waited, to be read.
func (c Counts) waited() (all [3]time.Duration) {
	for i, d := range c.Waited {
		all[i] = d.Round(100 * time.Millisecond)
	}
	return all
}

func (c Counts) String() string {
	return fmt.Sprintf("%d leaders, %d stand-bys, %d brokers and %d times PostgreSQL killed, %d times one paused, in %v (the last %v until all readers were up, then %v until all had records acknowledged, log and policies): %d terms; %d records, each stored once (%d acknowledgements looked up at once, %d later); %d changes done and %d failed or doubtful, %d in the log; %d policies at readers; %d of %d orders said to be done, the latest %v after it was asked for; %d messages refused; controllers ended by themselves %d times",
		c.Killed[theLeader], c.Killed[aStandBy], c.Killed[aBroker], c.Killed[theServer], c.Paused, c.Took.Round(time.Second), c.Back.Round(100*time.Millisecond), c.waited(), c.Terms, c.Records, c.Acks, c.Unlooked, c.Changes, c.Doubtful, c.Log, c.Policies, c.Unlocks, c.Orders, c.Latest.Round(time.Millisecond), c.Refused, c.Ends)
}
