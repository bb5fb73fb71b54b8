package site

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// HoursIn returns the hours that stand in a policy; nil: always, or there is no such use.
func HoursIn(p *wire.Policy, use store.HoursUse) *wire.Schedule {
	switch {
	case use.What == store.OpeningHours && p.Opening != nil:
		return &p.Opening.Schedule
	case use.What == store.TwoProofsHours && p.TwoProofs != nil:
		return p.TwoProofs.Schedule
	case use.What == store.AccessHours:
		for _, a := range p.Access {
			if a.Group == use.Group {
				return a.Schedule
			}
		}
	}
	return nil
}

// SetHours puts a copy of hours into a policy, with the use if that is new.
func SetHours(p *wire.Policy, use store.HoursUse, hours *wire.Schedule) {
	hours = &wire.Schedule{Week: slices.Clone(hours.Week), Holiday: slices.Clone(hours.Holiday)}
	switch use.What {
	case store.OpeningHours:
		opening := wire.Opening{Schedule: *hours}
		if p.Opening != nil {
			opening.First, opening.After = p.Opening.First, p.Opening.After
		}
		p.Opening = &opening
	case store.TwoProofsHours:
		p.TwoProofs = &wire.TwoProofs{Schedule: hours}
	case store.AccessHours:
		p.Access = slices.Clone(p.Access) // the list may be the caller's
		for i := range p.Access {
			if p.Access[i].Group == use.Group {
				p.Access[i].Schedule = hours
				return
			}
		}
		p.Access = append(p.Access, wire.Access{Group: use.Group, Schedule: hours})
	}
}

// hasHours says whether the hours that stand in a policy are these.
func hasHours(p *wire.Policy, use store.HoursUse, hours *wire.Schedule) bool {
	is := HoursIn(p, use)
	return is != nil && bytes.Equal(wire.Marshal(is), wire.Marshal(hours))
}

// forgetOtherHours ends the uses of schedules in a policy whose hours are others by now.
func forgetOtherHours(tx *store.Tx, p *wire.Policy) error {
	uses, err := tx.UsesAt(p.Reader)
	if err != nil {
		return err
	}
	for _, use := range uses {
		s, err := tx.Schedule(use.Schedule)
		if err != nil {
			return err
		}
		if hasHours(p, use.HoursUse, s.Hours) {
			continue
		}
		if err := tx.RemoveScheduleUse(p.Reader, use.HoursUse); err != nil {
			return err
		}
	}
	return nil
}

// checkSchedules reads all schedules. The policies that use one must have its hours.
func checkSchedules(tx *store.Tx) (n int, err error) {
	schedules, err := tx.Schedules()
	if err != nil {
		return 0, err
	}
	byID := map[int64]*store.Schedule{}
	for _, s := range schedules {
		byID[s.ID] = s
	}
	uses, err := tx.ScheduleUses()
	if err != nil {
		return 0, err
	}
	for _, use := range uses {
		s := byID[use.Schedule]
		if s == nil {
			return 0, fmt.Errorf("the policy of %s uses schedule %d, which does not exist", use.Reader, use.Schedule)
		}
		p, err := tx.Policy(use.Reader)
		if errors.Is(err, store.ErrNotFound) {
			return 0, fmt.Errorf("reader %s uses the schedule %q and has no policy", use.Reader, s.Name)
		}
		if err != nil {
			return 0, fmt.Errorf("policy of %s: %w", use.Reader, err)
		}
		if !hasHours(p, use.HoursUse, s.Hours) {
			return 0, fmt.Errorf("the policy of %s has other hours than the schedule %q, which it uses (%s %s)", use.Reader, s.Name, use.What, use.Group)
		}
	}
	return len(schedules), nil
}
