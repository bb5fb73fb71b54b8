package site

import (
	"context"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// KeepTime advances the site's time to a reading of the machine's clocks, and returns
// why the wall clock is in doubt; nil: it is not. It raises an alarm when a doubt
// begins. Call it every minute.
func (s *Site) KeepTime(ctx context.Context, at clock.Reading) (doubt *language.Sentence, err error) {
	var kept clock.Mark
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
		if kept, err = tx.KeptClock(); err != nil {
			return err
		}
		doubt = m.Says(at)
		if doubt != nil && before == clock.None {
			if err := tx.AddAlarm(store.NewAlarm("", store.ClockDoubted, at.Wall.UnixMilli(), doubt)); err != nil {
				return err
			}
		}
		return tx.MarkAge(m.Time())
	})
	if err == nil {
		s.kept.Store(&kept)
	}
	return doubt, err
}

// Doubt returns why the machine's wall clock is in doubt; nil: it is not.
func (s *Site) Doubt(ctx context.Context, at clock.Reading) (doubt *language.Sentence, err error) {
	err = s.store.View(ctx, func(tx *store.Tx) error {
		m, err := tx.Clock(at)
		doubt = m.Says(at)
		return err
	})
	return doubt, err
}

// FollowTime has Time go on from what is stored, by a reading of the machine's clocks, and stores nothing. Call it in a
// process that does not lead when it begins, and every minute while it goes on.
func (s *Site) FollowTime(ctx context.Context, at clock.Reading) error {
	var m clock.Mark
	err := s.store.View(ctx, func(tx *store.Tx) (err error) {
		if at.Shared == 0 {
			if at.Shared, err = tx.SharedClock(); err != nil {
				return err
			}
		}
		m, err = tx.Clock(at)
		return err
	})
	if err == nil {
		s.kept.Store(&m)
	}
	return err
}

// Now is Time by what the machine's clocks say now.
func (s *Site) Now() time.Time { return s.Time(clock.Read()) }

// Time is the time for readers and people, once KeepTime or FollowTime has run: what the wall clock says, or what it is expected to say, if it is behind that since the
// machine started, or if it was put to where the database server's clock is not. Of a machine that was off for more than a
// day, it is what it says.
func (s *Site) Time(at clock.Reading) time.Time {
	kept := s.kept.Load()
	if kept == nil {
		return at.Wall
	}
	if now := kept.At(at); kept.Shared != 0 && (now.Doubt == clock.Stepped || now.Doubt == clock.Apart) || now.Doubt == clock.Unset && now.Off < 0 {
		return time.UnixMilli(now.Wall)
	}
	return at.Wall
}
