package desk

import (
	"errors"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// UseSchedule has hours in a policy be those of a schedule from now on.
type UseSchedule struct {
	HoursUse
	Schedule string // its name
	ID       int64  // of a schedule without its name, as in a form; neither: the hours are the policy's own
}

// find returns the schedule; nil: the hours are the policy's own. Field: "schedule".
func (u UseSchedule) find(tx *store.Tx) (s *store.Schedule, err error) {
	switch {
	case u.ID != 0:
		if s, err = tx.Schedule(u.ID); errors.Is(err, store.ErrNotFound) {
			return nil, wrong("schedule", "Somebody has removed this schedule meanwhile: choose another")
		}
	case u.Schedule != "":
		if s, err = scheduleNamed(tx, u.Schedule); errors.Is(err, store.ErrNotFound) {
			return nil, wrongField("schedule", err)
		}
	}
	return s, err
}

// takeHours puts the hours of schedules into a policy. Fields: "schedule", "access".
func takeHours(tx *store.Tx, p *wire.Policy, uses []UseSchedule) error {
	for _, u := range uses {
		s, err := u.find(tx)
		if err != nil {
			return err
		}
		if s == nil {
			continue
		}
		n := 0
		for _, a := range p.Access {
			if u.What == AccessHours && a.Group == u.Group {
				n++
			}
		}
		if n > 1 {
			return wrong("access", "%s is on the list %d times, with hours of each: leave one of them, and choose the schedule for it", u.Group, n)
		}
		site.SetHours(p, u.HoursUse, s.Hours)
	}
	return nil
}

// noteUses notes which hours of a policy, which has them by now, are those of schedules.
func noteUses(tx *store.Tx, reader string, uses []UseSchedule) error {
	for _, u := range uses {
		s, err := u.find(tx)
		if err != nil {
			return err
		}
		if s == nil {
			if err := tx.RemoveScheduleUse(reader, u.HoursUse); err != nil {
				return err
			}
			continue
		}
		if err := tx.SetScheduleUse(store.ScheduleUse{Reader: reader, HoursUse: u.HoursUse, Schedule: s.ID}); err != nil {
			return err
		}
	}
	return nil
}

// reachesUses refuses to change a schedule that a door out of the actor's reach uses, with an
// ErrNotAllowed.
func (a Actor) reachesUses(tx *store.Tx, schedule int64) error {
	r, err := a.reach(tx)
	if err != nil || r.all {
		return err
	}
	uses, err := tx.UsesOfSchedule(schedule)
	if err != nil {
		return err
	}
	for _, u := range uses {
		if r.guards(u.Reader) {
			return errUsedElsewhere
		}
	}
	return nil
}
