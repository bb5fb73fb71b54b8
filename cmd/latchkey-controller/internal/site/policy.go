package site

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// Policy returns a reader's policy; the error says so if there is no such reader.
func Policy(tx *store.Tx, id string) (*wire.Policy, error) {
	p, err := tx.Policy(id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, noReader(id)
	}
	return p, err
}

// PolicyOrNew returns a reader's policy, or a new one in the site's time zone, with
// which nobody may open yet.
func PolicyOrNew(tx *store.Tx, id string) (p *wire.Policy, isNew bool, err error) {
	if p, err = tx.Policy(id); !errors.Is(err, store.ErrNotFound) {
		return p, false, err
	}
	fresh := wire.DefaultPolicy(id, id)
	if fresh.TimeZone, err = tx.Zone(); err != nil {
		return nil, false, err
	}
	first, err := tx.FirstProven()
	fresh.ProvenEnds = first == store.FirstProvenNoted
	return &fresh, true, err
}

// SetPolicy sets a reader's policy, and assigns the reader to the door and location
// that it names. Its Modes become those that are wanted there now, whatever p has, and of the
// groups of visitors it lists that of its door, if the door takes them. Its Holidays have those of
// the site besides, whatever p has. The revision rises, in p too, unless the policy is unchanged. A
// use of a schedule ends when p has other hours there.
func SetPolicy(tx *store.Tx, now time.Time, p *wire.Policy) error {
	was, err := tx.Policy(p.Reader)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if was == nil || p.Door != was.Door || p.Place != was.Place {
		if err := tx.PlaceReader(p.Reader, p.Place, p.Door); err != nil {
			return err
		}
	}
	if err := admitVisitors(tx, p); err != nil {
		return err
	}
	if err := takeHolidays(tx, p); err != nil {
		return err
	}
	before := 0
	if was != nil {
		before = sizeWithoutModes(was)
	}
	if err := checkSize(p, before); err != nil {
		return err
	}
	if was == nil {
		return putModes(tx, now, true, p)
	}
	if err := forgetOtherHours(tx, p); err != nil {
		return err
	}
	p.Modes = was.Modes
	return putModes(tx, now, string(wire.Marshal(was)) != string(wire.Marshal(p)), p)
}

// SetBrokers has the policies of some readers name brokers; none: those of their bundles. All else stays, but for Modes, as
// with SetPolicy. An error says at which reader.
func SetBrokers(tx *store.Tx, now time.Time, readers, brokers []string) error {
	for some := range slices.Chunk(slices.Sorted(slices.Values(readers)), putAtOnce) {
		policies, err := tx.Policies(some)
		if err != nil {
			return err
		}
		var changed []*wire.Policy
		for _, p := range policies {
			if slices.Equal(p.Brokers, brokers) {
				continue
			}
			before := sizeWithoutModes(p)
			p.Brokers = brokers
			if err := checkSize(p, before); err != nil {
				return fmt.Errorf("%s: %w", p.Reader, err)
			}
			changed = append(changed, p)
		}
		if len(changed) == 0 {
			continue
		}
		if err := putModes(tx, now, true, changed...); err != nil {
			return err
		}
	}
	return nil
}

// roomForModes is what a policy always has room for, in bytes: a lockdown must not fail because
// somebody has filled it with hours.
const roomForModes = 1 << 10

// checkSize refuses a policy without that room, unless it is no larger than before, without Modes.
func checkSize(p *wire.Policy, before int) error {
	if size := sizeWithoutModes(p); size > wire.MaxMessage-roomForModes && size > before {
		return language.Say("%s: its groups have too many hours (%d bytes, at most %d)", store.ErrPolicy, size, wire.MaxMessage-roomForModes)
	}
	return nil
}

func sizeWithoutModes(p *wire.Policy) int {
	bare := *p
	bare.Modes = nil
	return len(wire.Marshal(&bare))
}

// RaisePolicy gives a reader's policy a revision greater than above, which the reader
// has applied, and says whether that was necessary: after a restore, the stored
// revision may be lower.
func (s *Site) RaisePolicy(ctx context.Context, now time.Time, reader string, above uint64) (raised bool, err error) {
	if above > wire.MaxNumber/2 { // out of range: the reader lies, and harms only itself
		return false, nil
	}
	err = s.store.Keep(ctx, func(tx *store.Tx) error {
		p, err := tx.Policy(reader)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil || p.Revision >= above {
			return err
		}
		raised, p.Revision = true, above
		return tx.SetPolicy(now.Unix(), p)
	})
	return raised, err
}

// noteFirstProven has only cards that prove themselves end a lockout, at all readers, if the
// site awaits its first one. It says whether it did so.
func noteFirstProven(tx *store.Tx, now time.Time) (began bool, err error) {
	if first, err := tx.FirstProven(); err != nil || first != store.FirstProvenAwaited {
		return false, err
	}
	readers, err := tx.Readers()
	if err != nil {
		return false, err
	}
	for _, id := range readers {
		p, err := tx.Policy(id)
		if err != nil {
			return false, err
		}
		p.ProvenEnds = true
		if err := SetPolicy(tx, now, p); err != nil {
			return false, err
		}
	}
	return true, tx.SetFirstProven(store.FirstProvenNoted)
}
