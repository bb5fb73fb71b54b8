package fleet

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	readersync "latchkey/sync"
	"latchkey/sync/wire"
)

// A reader is a simulated one: the real sync package with its state machine, TLS and
// signatures, and no disk, door or board. What a board has on its disk stays through a
// power cut.
type reader struct {
	id     string
	board  *board
	bundle *wire.Bundle // without its snapshot
	start  wire.Position
	shared *shared
	skew   time.Duration // how far its clock is off until the controller sets it

	net     network
	journal atomic.Pointer[journal]
	cache   atomic.Pointer[credentials]
	policy  atomic.Uint64 // revision in force
	stored  atomic.Uint64 // revision that is stored
	seen    *seen         // nil: it is not kept
	last    uint64        // number of the newest connection
	client  atomic.Pointer[readersync.Client]

	upSince atomic.Int64 // since when the controller answers, nanoseconds since shared.began; 0: it does not
	ups     atomic.Int64 // how often it began to
	refused atomic.Int64 // messages
	clock   atomic.Int64 // what is added to this machine's time, nanoseconds
	trusted atomic.Bool

	mu      sync.Mutex
	applied []applied // positions, in order, since they were last asked for
	lost    []*journal
	brokers []string // of the policy that is stored; none: the bundle's
}

// applied says when a reader held a position.
type applied struct {
	revision uint64
	at       time.Time
}

// shared is what all readers have in common.
type shared struct {
	authority *x509.Certificate
	began     time.Time
	keeps     bool                                                                         // what readers have seen is kept, to be compared
	acked     func(reader string, journal wire.JournalID, from, to uint64, hash wire.Hash) // nil: nobody is told
	hurry     func() (after time.Duration, ok bool)                                        // see Fleet.Hurry; nil: no reader does
}

func (s *shared) since() time.Duration { return time.Since(s.began) }

// newReader opens what a bundle holds.
func newReader(s *shared, b *board, bundle *wire.Bundle) (*reader, error) {
	snapshot, err := wire.OpenSnapshot(bundle.Site, bundle.Snapshot, bundle.Controller[:])
	if err != nil {
		return nil, err
	}
	policy, err := wire.OpenPolicy(bundle.Site, bundle.Policy, bundle.Controller[:])
	if err != nil {
		return nil, err
	}
	r := &reader{id: bundle.Reader, board: b, bundle: bundle, start: snapshot.Manifest().Position(), shared: s}
	bundle.Snapshot, bundle.Policy, bundle.Authority = nil, nil, nil
	r.brokers = policy.Policy().Brokers
	r.policy.Store(policy.Policy().Revision)
	r.stored.Store(policy.Policy().Revision)
	if s.keeps {
		r.seen = &seen{policies: map[uint64]wire.Hash{}, orders: map[string][]CarriedTime{}, commands: map[wire.CommandID]bool{}}
	}
	r.reset()
	return r, nil
}

// reset makes the reader's disk what it was when it had just taken over its bundle.
func (r *reader) reset() {
	if j := r.journal.Load(); j != nil {
		r.mu.Lock()
		r.lost = append(r.lost, j)
		r.mu.Unlock()
	}
	c, j := &credentials{held: r.start, keys: r.start.Epoch}, newJournal(r.shared.keeps)
	if r.shared.keeps {
		c.content = map[wire.Tag]wire.Hash{}
	}
	j.told = func(from, to uint64, hash wire.Hash) {
		if r.shared.acked != nil {
			r.shared.acked(r.id, j.id, from, to, hash)
		}
	}
	r.cache.Store(c)
	r.journal.Store(j)
}

// record makes a record.
func (r *reader) record(record wire.Record) error {
	if err := r.journal.Load().append(record, time.Now().Add(time.Duration(r.clock.Load())), r.trusted.Load()); err != nil {
		return err
	}
	if c := r.client.Load(); c != nil {
		c.Recorded()
	}
	return nil
}

// run runs the reader from power on until ctx ends.
func (r *reader) run(ctx context.Context) error {
	r.clock.Store(int64(r.skew))
	r.trusted.Store(false)
	if err := r.record(wire.Record{Kind: wire.ReaderStarted}); err != nil {
		return err
	}
	began := time.Now()
	r.mu.Lock()
	brokers := r.brokers
	r.mu.Unlock()
	client, err := readersync.NewClient(readersync.Config{
		Options: readersync.Options{
			Site: r.bundle.Site, SiteName: r.bundle.SiteName, Reader: r.id, Version: "fleet",
			Controller: r.bundle.Controller[:], Signing: r.board.signing, Sealing: r.board.sealing,
			NotBefore: r.shared.began.Add(-time.Hour), PolicyRevision: r.policy.Load(), PolicyFloor: r.policy.Load(),
		},
		Brokers:     r.bundle.Brokers(),
		Policy:      brokers,
		Certificate: tls.Certificate{Certificate: [][]byte{r.bundle.Certificate}, PrivateKey: r.board.tls},
		Authority:   r.shared.authority,
		Wrap:        r.net.wrap,
		Cache:       r.cache.Load(),
		Journal:     r.journal.Load(),
		StorePolicy: r.storePolicy,
		NextConnection: func() (uint64, error) {
			r.last = max(r.last+1, uint64(time.Now().Unix()))
			return r.last, nil
		},
		Now:  func() time.Duration { return time.Since(began) },
		Tell: r.tell,
		Log:  slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	r.client.Store(client)
	r.report()
	defer r.client.Store(nil)
	defer r.upSince.Store(0)
	return client.Run(ctx)
}

func (r *reader) report() {
	if c := r.client.Load(); c != nil {
		c.Report(readersync.Report{Policy: r.policy.Load(), Condition: wire.Condition{
			Strike: wire.StrikeOff, Door: wire.DoorIsClosed, Mode: &wire.ModeState{Mode: wire.ModeNormal}, ClockTrusted: r.trusted.Load(),
		}})
	}
}

func (r *reader) tell(news readersync.News) {
	switch n := news.(type) {
	case readersync.LinkChanged:
		if n.Up {
			r.upSince.Store(int64(r.shared.since()))
			r.ups.Add(1)
		} else {
			r.upSince.Store(0)
		}
	case readersync.CredentialsChanged:
		r.mu.Lock()
		r.applied = append(r.applied, applied{n.Held.Revision, time.Now()})
		r.mu.Unlock()
		if r.seen != nil {
			r.seen.hold(n.Held)
		}
	case readersync.Forked:
		if r.seen != nil {
			r.seen.note(fmt.Sprintf("another log at %+v", n.Position))
		}
	case readersync.Command:
		r.carryOut(&n.Command)
	case readersync.PolicyChanged:
		r.policy.Store(n.Policy.Policy().Revision)
		r.report()
	case readersync.ClockSet:
		r.clock.Store(int64(time.Until(n.Wall)))
		if !r.trusted.Swap(true) {
			r.report()
		}
	case readersync.Refused:
		r.refused.Add(1)
		if c := n.Command; c != nil {
			r.note(wire.Record{Kind: wire.CommandRefused, Command: c.ID, Order: c.Order, Who: c.By, Reason: n.Reason})
		}
	}
}

// carryOut carries out an order.
func (r *reader) carryOut(c *wire.Command) {
	if r.seen != nil {
		r.seen.order(c)
	}
	record := wire.Record{Kind: wire.CommandDone, Command: c.ID, Order: c.Order, Who: c.By}
	if c.Order == wire.Unlock {
		record.Kind, record.By, record.Seconds = wire.AccessGranted, wire.ByRemote, 5
	}
	r.note(record)
}

// note records what came of an order.
func (r *reader) note(record wire.Record) {
	if err := r.record(record); err != nil {
		panic(err) // an order that was let through always fits into a record
	}
}

// storePolicy takes and refuses what package cache does.
func (r *reader) storePolicy(v *wire.VerifiedPolicy) error {
	p := v.Policy()
	if r.seen != nil && !r.seen.policy(p.Revision, wire.Sum(wire.Marshal(p))) {
		return wire.ErrUnfit
	}
	switch held := r.stored.Load(); {
	case p.Revision < held:
		return wire.ErrUnfit
	case p.Revision > held:
		r.stored.Store(p.Revision)
		r.mu.Lock()
		moved := !slices.Equal(p.Brokers, r.brokers)
		r.brokers = p.Brokers
		r.mu.Unlock()
		if moved && r.shared.hurry != nil {
			if after, ok := r.shared.hurry(); ok {
				time.AfterFunc(after, r.net.lose)
			}
		}
	}
	return nil
}

// appliedAt returns when the reader first held a revision; false: it has not since forget.
func (r *reader) appliedAt(revision uint64) (time.Time, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.applied {
		if a.revision >= revision {
			return a.at, true
		}
	}
	return time.Time{}, false
}

func (r *reader) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.applied = nil
}
