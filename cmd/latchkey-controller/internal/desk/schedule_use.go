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
	Schedule string // its name; "": the hours are the policy's own
}

// takeHours puts the hours of schedules into a policy. Fields: "schedule".
func takeHours(tx *store.Tx, p *wire.Policy, uses []UseSchedule) error {
	for _, u := range uses {
		if u.Schedule == "" {
			continue
		}
		s, err := scheduleNamed(tx, u.Schedule)
		if errors.Is(err, store.ErrNotFound) {
			return wrongField("schedule", err)
		}
		if err != nil {
			return err
		}
		site.SetHours(p, u.HoursUse, s.Hours)
	}
	return nil
}

// noteUses notes which hours of a policy, which has them by now, are those of schedules.
func noteUses(tx *store.Tx, reader string, uses []UseSchedule) error {
	for _, u := range uses {
		if u.Schedule == "" {
			if err := tx.RemoveScheduleUse(reader, u.HoursUse); err != nil {
				return err
			}
			continue
		}
		s, err := scheduleNamed(tx, u.Schedule)
		if err != nil {
			return err
		}
		if err := tx.SetScheduleUse(store.ScheduleUse{Reader: reader, HoursUse: u.HoursUse, Schedule: s.ID}); err != nil {
			return err
		}
	}
	return nil
}
