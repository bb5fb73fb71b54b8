package desk

import (
	"context"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// Measures are what a monitor wants to know of a site.
type Measures struct {
	Limited  bool      // they are of some locations only
	Readers  []*Reader // by id, without removed ones
	Revision uint64    // the newest of the credential log
	Users    int
	Cards    CardCount
	Full     bool // the controller's disk is full
	Doubted  bool // its clock is in doubt
	Brokers  []BrokerStatus
	Standing *Standing // of this controller; nil: they are limited
	Waiting  int       // boards that wait for an administrator to adopt them; 0: or they are limited

	// Of events that arrived after the cursor, up to Until.
	Events []EventCount
	Until  int64
}

// An EventCount counts events of a kind.
type EventCount = store.EventCount

// ClassAdmin is the class of administrators' acts.
const ClassAdmin = store.ClassAdmin

// Measure returns a site's measures, with the events after a cursor; below 0: none.
func (d *Desk) Measure(ctx context.Context, a Actor, after int64) (*Measures, error) {
	if err := d.check(ctx, a, ViewReaders, new(auditTarget)); err != nil {
		return nil, err
	}
	readers, in, err := d.readers(ctx, a)
	if err != nil {
		return nil, err
	}
	m := &Measures{Limited: !in.all, Full: d.site.Full() != nil}
	if !m.Limited {
		if m.Standing, err = d.Standing(ctx); err != nil {
			return nil, err
		}
		if m.Brokers, err = d.connectedNow(ctx); err != nil {
			return nil, err
		}
	}
	for _, r := range readers {
		if r.Removed == "" {
			m.Readers = append(m.Readers, r)
		}
	}
	err = d.site.View(ctx, func(tx *store.Tx) error {
		head, err := tx.Head()
		if err != nil {
			return err
		}
		m.Revision = head.Revision
		if m.Users, err = tx.CountSeen(in.visitors()); err != nil {
			return err
		}
		if m.Cards.Cards, m.Cards.Copyable, err = tx.CountCards(in.visitors()); err != nil {
			return err
		}
		mark, err := tx.Clock(d.read())
		if err != nil {
			return err
		}
		m.Doubted = mark.Doubt != clock.None
		if !m.Limited {
			waiting, err := tx.WaitingReaders(mark.Time())
			if err != nil {
				return err
			}
			for _, w := range waiting {
				if w.Waits() {
					m.Waiting++
				}
			}
		}
		if m.Until, _, err = tx.Newest(); err != nil || after < 0 {
			return err
		}
		counts, err := tx.CountEvents(after, m.Until)
		for _, c := range counts {
			if in.hasReader(c.Reader) && (c.Kind != string(wire.Duress) || a.May(ViewDuress)) {
				m.Events = append(m.Events, c)
			}
		}
		return err
	})
	return m, err
}

// AlarmKinds returns the kinds of events that tell of something wrong at a reader, without
// those that say that it is over, and duress.
func AlarmKinds() []string {
	return append(store.AlarmKinds(),
		string(wire.FireStarted), string(wire.ClockStepped), string(wire.DoorForced), string(wire.DoorHeld), string(wire.TamperStarted),
		string(wire.CacheDamaged), string(wire.CacheBehind), string(wire.LogForked), string(wire.RecordsDropped),
		string(wire.BudgetSpent), string(wire.BudgetOverspent))
}
