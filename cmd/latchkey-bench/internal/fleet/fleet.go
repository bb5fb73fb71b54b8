// Package fleet runs readers by the thousand in one process, to see what a broker and a
// controller make of them. Each has an identity, a certificate and the real package sync;
// instead of a disk it has small parts in memory that take and refuse what the real ones
// do.
package fleet

import (
	"context"
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"latchkey/sync/wire"
)

// Faults are what befalls the readers of a fleet.
type Faults struct {
	Slow        float64       // the share with a slow link
	SlowDelay   time.Duration // of each read and write on one
	SlowRate    int           // bytes a second on one
	WrongClocks float64       // the share whose clocks are wrong at a start, by up to ten years
}

// A Fleet is readers that run.
type Fleet struct {
	readers []*reader
	shared  *shared
	random  *rand.Rand

	cancel  context.CancelFunc // of those that have power
	running sync.WaitGroup
	failed  atomic.Pointer[error]
}

// Open opens the first n readers of a directory, which have bundles. keeps: all that they record
// and see is kept, to be compared. The seed decides whom faults befall.
func Open(dir string, n int, seed uint64, faults Faults, keeps bool) (*Fleet, error) {
	key, err := secret(dir)
	if err != nil {
		return nil, err
	}
	f := &Fleet{shared: &shared{began: time.Now(), keeps: keeps}, random: rand.New(rand.NewPCG(seed, 1))}
	for i := range n {
		b, bundle, err := openBundle(dir, key, i)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", readerID(i), err)
		}
		if f.shared.authority == nil {
			if f.shared.authority, err = x509.ParseCertificate(bundle.Authority); err != nil {
				return nil, err
			}
		}
		r, err := newReader(f.shared, b, bundle)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.id, err)
		}
		if f.random.Float64() < faults.Slow {
			r.net.delay, r.net.rate = faults.SlowDelay, faults.SlowRate
		}
		if f.random.Float64() < faults.WrongClocks {
			r.skew = time.Duration((f.random.Float64()*2 - 1) * 10 * 365 * 24 * float64(time.Hour))
		}
		f.readers = append(f.readers, r)
	}
	return f, nil
}

// OnAck has told called whenever a controller says that it has records of a reader, before the reader believes it. It
// may wait, as for a disk.
func (f *Fleet) OnAck(told func(reader string, journal wire.JournalID, from, to uint64, hash wire.Hash)) {
	f.shared.acked = told
}

// Hurry has a share of the readers that are told of other brokers lose their connections within a time, and so try the new
// ones at once: on their own they look after a minute or two.
func (f *Fleet) Hurry(share float64, within time.Duration) {
	f.shared.hurry = func() (time.Duration, bool) {
		return time.Duration(rand.Float64() * float64(within)), rand.Float64() < share
	}
}

// At returns at which broker each reader is whom the controller answers, by their addresses. A reader with a second
// connection, to look at another broker, is left out.
func (f *Fleet) At() map[string]string {
	at := map[string]string{}
	for _, r := range f.readers {
		if address := r.net.at(); address != "" && r.upSince.Load() != 0 {
			at[r.id] = address
		}
	}
	return at
}

// Policies returns the revision of the policy that is in force at each reader.
func (f *Fleet) Policies() map[string]uint64 {
	policies := map[string]uint64{}
	for _, r := range f.readers {
		policies[r.id] = r.policy.Load()
	}
	return policies
}

// PowerOn starts all readers. Each boots for a time between boot and half as long again.
func (f *Fleet) PowerOn(ctx context.Context, boot time.Duration) {
	ctx, f.cancel = context.WithCancel(ctx)
	for _, r := range f.readers {
		r.net.cut(false)
		wait := boot + time.Duration(f.random.Float64()*float64(boot)/2)
		f.running.Go(func() {
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return
			}
			if err := r.run(ctx); err != nil && ctx.Err() == nil {
				err = fmt.Errorf("%s: %w", r.id, err)
				f.failed.CompareAndSwap(nil, &err)
			}
		})
	}
}

// PowerOff takes the power of all readers at one moment: nobody says goodbye.
func (f *Fleet) PowerOff() {
	for _, r := range f.readers {
		r.net.cut(true)
	}
	f.cancel()
	f.running.Wait()
}

// Lose has a share of the readers, which have no power, lose their disks: they are again
// what they were when they had taken over their bundles.
func (f *Fleet) Lose(share float64) (lost int) {
	for _, r := range f.readers {
		if f.random.Float64() < share {
			r.reset()
			lost++
		}
	}
	return lost
}

// Churn breaks so many connections a second, until ctx ends.
func (f *Fleet) Churn(ctx context.Context, perSecond float64) {
	f.each(ctx, perSecond, func(r *reader) { r.net.cut(false) })
}

// Record has readers make so many records a second, until ctx ends.
func (f *Fleet) Record(ctx context.Context, perSecond float64) {
	open := map[*reader]bool{}
	f.each(ctx, perSecond, func(r *reader) {
		kind := wire.DoorOpened
		if open[r] {
			kind = wire.DoorClosed
		}
		open[r] = !open[r]
		if err := r.record(wire.Record{Kind: kind}); err != nil {
			f.failed.CompareAndSwap(nil, &err)
		}
	})
}

// each does something to a random reader so often a second, until ctx ends.
func (f *Fleet) each(ctx context.Context, perSecond float64, do func(*reader)) {
	if perSecond <= 0 {
		return
	}
	random := rand.New(rand.NewPCG(f.random.Uint64(), 2))
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	began, done := time.Now(), 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for due := int(time.Since(began).Seconds() * perSecond); done < due; done++ {
			do(f.readers[random.IntN(len(f.readers))])
		}
	}
}

// Up returns how many readers the controller answers.
func (f *Fleet) Up() int {
	return f.count(func(r *reader) bool { return r.upSince.Load() != 0 })
}

func (f *Fleet) count(is func(*reader) bool) (n int) {
	for _, r := range f.readers {
		if is(r) {
			n++
		}
	}
	return n
}

// Await waits until so many readers are as is says, looking at them ten times a second; it
// returns how many are if ctx ends before.
func (f *Fleet) await(ctx context.Context, want int, is func(*reader) bool) (n int, err error) {
	for {
		if failed := f.failed.Load(); failed != nil {
			return n, *failed
		}
		if n = f.count(is); n >= want {
			return n, nil
		}
		select {
		case <-ctx.Done():
			return n, fmt.Errorf("%d of %d: %w", n, want, context.Cause(ctx))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// AwaitUp waits until the controller answers all readers, on connections that it answered
// after a moment; the zero time: at any.
func (f *Fleet) AwaitUp(ctx context.Context, after time.Time) error {
	since := int64(after.Sub(f.shared.began))
	_, err := f.await(ctx, len(f.readers), func(r *reader) bool { at := r.upSince.Load(); return at != 0 && at > since })
	return err
}

// Forget forgets when readers came to hold what they hold.
func (f *Fleet) Forget() {
	for _, r := range f.readers {
		r.forget()
	}
}

// AwaitRevision waits until all readers hold a revision, and returns how long after a
// moment each did, in no order.
func (f *Fleet) AwaitRevision(ctx context.Context, revision uint64, after time.Time) ([]time.Duration, error) {
	_, err := f.await(ctx, len(f.readers), func(r *reader) bool { return r.cache.Load().Held().Revision >= revision })
	var took []time.Duration
	for _, r := range f.readers {
		if at, ok := r.appliedAt(revision); ok {
			took = append(took, at.Sub(after))
		}
	}
	return took, err
}

// AwaitHeld waits until some readers hold a revision.
func (f *Fleet) AwaitHeld(ctx context.Context, readers []string, revision uint64) error {
	_, err := f.await(ctx, len(readers), func(r *reader) bool {
		return r.cache.Load().Held().Revision >= revision && slices.Contains(readers, r.id)
	})
	return err
}

// AwaitRecords waits until the controller has acknowledged all records.
func (f *Fleet) AwaitRecords(ctx context.Context) error {
	_, err := f.await(ctx, len(f.readers), func(r *reader) bool { return r.journal.Load().waiting() == 0 })
	return err
}

// Positions returns how many readers hold each position in the log.
func (f *Fleet) Positions() map[wire.Position]int {
	positions := map[wire.Position]int{}
	for _, r := range f.readers {
		positions[r.cache.Load().Held()]++
	}
	return positions
}

// Made returns all records that the readers have made, by reader, if they are kept.
func (f *Fleet) Made() map[string][]Made {
	made := map[string][]Made{}
	for _, r := range f.readers {
		for _, j := range append(r.lost, r.journal.Load()) {
			for _, record := range j.all {
				made[r.id] = append(made[r.id], Made{j.id.String(), record.Number, record.Hash.String()})
			}
		}
	}
	return made
}

// Counts are sums over all readers since they were opened.
type Counts struct {
	Dials    int64 // TCP connections made, with a TLS handshake each
	Ups      int64 // connections that the controller has answered on
	Bytes    int64 // over all connections, both ways, without the headers of TCP
	Refused  int64 // messages
	Records  uint64
	Acked    uint64
	LostDisk uint64 // records that were lost with a disk
}

// Counts counts.
func (f *Fleet) Counts() (c Counts) {
	for _, r := range f.readers {
		c.Dials += r.net.dials.Load()
		c.Ups += r.ups.Load()
		c.Bytes += r.net.bytes.Load()
		c.Refused += r.refused.Load()
		r.mu.Lock()
		for _, j := range append(r.lost[:len(r.lost):len(r.lost)], r.journal.Load()) {
			last, _ := j.Last()
			c.Records += last
			c.Acked += j.First() - 1
			if j != r.journal.Load() {
				c.LostDisk += uint64(j.waiting())
			}
		}
		r.mu.Unlock()
	}
	return c
}

// IDs returns the ids of all readers.
func (f *Fleet) IDs() (ids []string) {
	for _, r := range f.readers {
		ids = append(ids, r.id)
	}
	return ids
}
