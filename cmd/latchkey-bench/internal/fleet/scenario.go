package fleet

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"latchkey/sync/wire"
)

// A Scenario is what happens to a fleet, from its first power on.
type Scenario struct {
	Readers int
	Seed    uint64
	Faults  Faults
	Boot    time.Duration // a board takes from power on to its first dial, at least
	Within  time.Duration // the most that any step may take

	Changes    int           // one after the other, while nothing else happens
	BrokerDown time.Duration // how long the broker is away after it was killed; 0: it is not killed
	PowerCut   bool          // all readers lose their power at once
	Lose       float64       // the share that loses its disk, too

	Churn     float64 // connections that break, a second
	Records   float64 // that are made, a second
	ChurnsFor time.Duration

	Calm time.Duration // for how long nothing happens, at the end
}

// A Result is what came of a scenario.
type Result struct {
	Adopted time.Duration // until the readers were adopted
	First   Return        // the first power on
	Changes []time.Duration
	Broker  Return // after the broker's death
	Power   Return // after the power cut
	Churn   Return // until all were up after the churn
	Behind  int    // readers whose position is not that of the log at the end
	Counts  Counts
	Lost    int // disks

	Broke, Controlled Use // broker and controller at the end
	Own               Use
	IdleCPU           [3]float64 // processor time a second while nothing happens: broker, controller, this process
	CalmBytes         float64    // a reader, in a second of that
}

// A Return is how all readers came back.
type Return struct {
	Took              time.Duration // until the controller answered the last one
	Half, NinetyNine  time.Duration // and so many in a hundred
	Dials, Bytes      int64
	BrokerCPU, CtlCPU time.Duration
}

// Run makes a site with its readers, if it is not there, and runs a scenario on it.
func (c Scenario) Run(ctx context.Context, s *Site, out io.Writer) (Result, error) {
	began := time.Now()
	if err := s.Create(ctx, c.Readers); err != nil {
		return Result{}, err
	}
	adopted := time.Since(began)
	fmt.Fprintf(out, "%d readers adopted in %v\n", c.Readers, adopted.Round(time.Millisecond))
	if err := s.StartBroker(ctx); err != nil {
		return Result{}, err
	}
	defer s.Stop()
	if err := s.Serve(); err != nil {
		return Result{}, err
	}
	r, err := c.against(ctx, s, out)
	r.Adopted = adopted
	return r, err
}

// against runs a scenario on a site that runs, and of which no reader does.
func (c Scenario) against(ctx context.Context, s *Site, out io.Writer) (r Result, err error) {
	say := func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
	f, err := Open(s.Dir, c.Readers, c.Seed, c.Faults, false)
	if err != nil {
		return r, err
	}
	f.PowerOn(ctx, c.Boot)
	defer f.PowerOff()
	if r.First, err = c.back(ctx, out, s, f, time.Now().Add(c.Boot)); err != nil {
		return r, fmt.Errorf("after the first power on: %w", err)
	}
	say("first power on: %v", r.First)
	if err := c.change(ctx, s, f, &r, say); err != nil {
		return r, err
	}
	if c.BrokerDown > 0 {
		s.KillBroker()
		time.Sleep(c.BrokerDown)
		if err := s.StartBroker(ctx); err != nil {
			return r, err
		}
		if r.Broker, err = c.back(ctx, out, s, f, time.Now()); err != nil {
			return r, fmt.Errorf("after the broker's death: %w", err)
		}
		say("the broker was away for %v: %v", c.BrokerDown, r.Broker)
	}
	if c.PowerCut {
		f.PowerOff()
		r.Lost = f.Lose(c.Lose)
		f.PowerOn(ctx, c.Boot)
		if r.Power, err = c.back(ctx, out, s, f, time.Now().Add(c.Boot)); err != nil {
			return r, fmt.Errorf("after the power cut: %w", err)
		}
		say("power cut, %d disks lost: %v", r.Lost, r.Power)
	}
	if c.ChurnsFor > 0 {
		churning, stop := context.WithTimeout(ctx, c.ChurnsFor)
		f.running.Go(func() { f.Churn(churning, c.Churn) })
		f.running.Go(func() { f.Record(churning, c.Records) })
		<-churning.Done()
		stop()
		if r.Churn, err = c.back(ctx, out, s, f, time.Time{}); err != nil {
			return r, fmt.Errorf("after the churn: %w", err)
		}
		say("%v of %v disconnections and %v records a second: %v", c.ChurnsFor, c.Churn, c.Records, r.Churn)
	}
	return r, c.settle(ctx, s, f, &r, say)
}

// back waits until all readers are up on connections that the controller answered after a
// moment.
func (c Scenario) back(ctx context.Context, out io.Writer, s *Site, f *Fleet, after time.Time) (r Return, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.Within, fmt.Errorf("readers up after %v", c.Within))
	defer cancel()
	broker, controller := s.Use()
	counts := f.Counts()
	begins := time.Now()
	if !after.IsZero() {
		begins = after
	}
	told := f.tell(ctx, out)
	err = f.AwaitUp(ctx, after)
	cancel()
	<-told
	var took []time.Duration
	for _, reader := range f.readers {
		if at := reader.upSince.Load(); at != 0 {
			took = append(took, max(0, f.shared.began.Add(time.Duration(at)).Sub(begins)))
		}
	}
	r.Took, r.Half, r.NinetyNine = percentile(took, 100), percentile(took, 50), percentile(took, 99)
	r.Dials, r.Bytes = f.Counts().Dials-counts.Dials, f.Counts().Bytes-counts.Bytes
	brokerAfter, controllerAfter := s.Use()
	r.BrokerCPU, r.CtlCPU = brokerAfter.CPU-broker.CPU, controllerAfter.CPU-controller.CPU
	if err != nil {
		err = fmt.Errorf("%w (%v)", err, r)
	}
	return r, err
}

// tell says every ten seconds how many readers are up, until ctx ends; then it closes told.
func (f *Fleet) tell(ctx context.Context, out io.Writer) (told chan struct{}) {
	told = make(chan struct{})
	dials := f.Counts().Dials
	go func() {
		defer close(told)
		for began := time.Now(); ; {
			select {
			case <-ctx.Done():
				return
			case <-time.After(10 * time.Second):
				fmt.Fprintf(out, "  %v: %d of %d up, %d dials\n", time.Since(began).Round(time.Second), f.Up(), len(f.readers), f.Counts().Dials-dials)
			}
		}
	}()
	return told
}

func (r Return) String() string {
	return fmt.Sprintf("half back after %v, 99 %% after %v, all after %v; %d dials, %.1f MB; processor time: broker %v, controller %v",
		r.Half.Round(time.Millisecond), r.NinetyNine.Round(time.Millisecond), r.Took.Round(time.Millisecond), r.Dials, float64(r.Bytes)/1e6, r.BrokerCPU, r.CtlCPU)
}

func percentile(of []time.Duration, p int) time.Duration {
	if len(of) == 0 {
		return 0
	}
	slices.Sort(of)
	return of[(len(of)-1)*p/100]
}

// change makes changes of the log, one after the other, and measures when readers have them.
func (c Scenario) change(ctx context.Context, s *Site, f *Fleet, r *Result, say func(string, ...any)) error {
	for range c.Changes {
		f.Forget()
		at, err := s.AddUser(ctx)
		if err != nil {
			return err
		}
		revision, err := s.Revision(ctx)
		if err != nil {
			return err
		}
		within, cancel := context.WithTimeoutCause(ctx, c.Within, fmt.Errorf("hold revision %d after %v", revision, c.Within))
		took, err := f.AwaitRevision(within, revision, at)
		cancel()
		if err != nil {
			return err
		}
		say("a change: half after %v, 99 %% after %v, all after %v", percentile(took, 50).Round(time.Millisecond), percentile(took, 99).Round(time.Millisecond), percentile(took, 100).Round(time.Millisecond))
		r.Changes = append(r.Changes, percentile(took, 99))
		time.Sleep(2 * time.Second) // the head comes behind the change
	}
	return nil
}

// settle waits until nothing is under way, and counts.
func (c Scenario) settle(ctx context.Context, s *Site, f *Fleet, r *Result, say func(string, ...any)) error {
	within, cancel := context.WithTimeoutCause(ctx, c.Within, fmt.Errorf("have no records waiting after %v", c.Within))
	defer cancel()
	if err := f.AwaitRecords(within); err != nil {
		return err
	}
	revision, err := s.Revision(ctx)
	if err != nil {
		return err
	}
	if _, err := f.AwaitRevision(within, revision, time.Now()); err != nil {
		return err
	}
	positions := f.Positions()
	most, at := 0, wire.Position{}
	for position, n := range positions {
		if n > most {
			most, at = n, position
		}
	}
	if r.Behind = c.Readers - most; at.Revision != revision {
		r.Behind = c.Readers
	}
	r.Counts = f.Counts()
	say("positions: %d readers do not hold the log's end, revision %d", r.Behind, revision)
	say("records: %d made, %d acknowledged, %d lost with a disk; messages refused: %d", r.Counts.Records, r.Counts.Acked, r.Counts.LostDisk, r.Counts.Refused)
	say("connections: %d dials, each a TLS handshake; the controller answered on %d", r.Counts.Dials, r.Counts.Ups)

	uses := func() [3]Use {
		broker, controller := s.Use()
		own, _ := useOf(os.Getpid())
		return [3]Use{broker, controller, own}
	}
	before, bytes := uses(), f.Counts().Bytes
	time.Sleep(c.Calm)
	after := uses()
	r.CalmBytes = float64(f.Counts().Bytes-bytes) / c.Calm.Seconds() / float64(c.Readers)
	say("calm for %v: %.1f bytes a second and reader", c.Calm, r.CalmBytes)
	r.Broke, r.Controlled, r.Own = after[0], after[1], after[2]
	for i, name := range []string{"broker", "controller", "readers"} {
		r.IdleCPU[i] = (after[i].CPU - before[i].CPU).Seconds() / c.Calm.Seconds()
		say("%-10s %6.1f kB a reader (most %.1f kB), %d files, processor time %v, idle %.3f s a second", name,
			float64(after[i].Resident)/1024/float64(c.Readers), float64(after[i].Most)/1024/float64(c.Readers), after[i].Files, after[i].CPU.Round(time.Millisecond), r.IdleCPU[i])
	}
	return nil
}
