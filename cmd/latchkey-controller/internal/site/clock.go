package site

import (
	"context"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// KeepTime advances the site's time to a reading of the machine's clocks, and returns
// why the wall clock is in doubt; "": it is not. It raises an alarm when a doubt
// begins. Call it every minute.
func (s *Site) KeepTime(ctx context.Context, at clock.Reading) (doubt string, err error) {
	err = s.store.Keep(ctx, func(tx *store.Tx) error {
		before, err := tx.Doubt()
		if err != nil {
			return err
		}
		m, err := tx.Clock(at)
		if err != nil {
			return err
		}
		if err := tx.SetClock(m); err != nil {
			return err
		}
		doubt = m.Says(at)
		if doubt != "" && before == clock.None {
			if err := tx.AddAlarm(&store.Alarm{Kind: store.ClockDoubted, At: at.Wall.UnixMilli(), Text: doubt}); err != nil {
				return err
			}
		}
		return tx.MarkAge(m.Time())
	})
	return doubt, err
}

// Doubt returns why the machine's wall clock is in doubt; "": it is not.
func (s *Site) Doubt(ctx context.Context, at clock.Reading) (doubt string, err error) {
	err = s.store.View(ctx, func(tx *store.Tx) error {
		m, err := tx.Clock(at)
		doubt = m.Says(at)
		return err
	})
	return doubt, err
}
