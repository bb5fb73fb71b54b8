package desk

import (
	"context"
	"errors"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// An Emergency is what is wanted of the whole site. Where both are, evacuation is in force.
type Emergency struct{ Lockdown, Evacuation bool }

// emergencyOf returns what of an emergency is among the modes wanted now.
func emergencyOf(modes []*store.Mode) (e Emergency) {
	for _, m := range modes {
		if whereOf(m) != (Where{}) {
			continue
		}
		e.Lockdown = e.Lockdown || m.Mode == wire.ModeLockdown
		e.Evacuation = e.Evacuation || m.Mode == wire.ModeEvacuation
	}
	return e
}

// Emergency returns what is wanted of the whole site.
func (d *Desk) Emergency(ctx context.Context, a Actor) (e Emergency, err error) {
	err = d.view(ctx, a, ViewReaders, func(tx *store.Tx) error {
		modes, err := tx.Modes(d.now().Unix())
		e = emergencyOf(modes)
		return err
	})
	return e, err
}

// SetEmergency begins or ends a lockdown or an evacuation of the whole site; nil: it stays as
// it is. Each is an act of its own, and both are done or neither.
func (d *Desk) SetEmergency(ctx context.Context, a Actor, lockdown, evacuation *bool) (err error) {
	for range 3 {
		if err = d.setEmergency(ctx, a, lockdown, evacuation); !errors.Is(err, errModeEnded) && !errors.Is(err, ErrNotFound) {
			break
		} // otherwise somebody else has ended a mode meanwhile: then it is about others
	}
	return err
}

func (d *Desk) setEmergency(ctx context.Context, a Actor, lockdown, evacuation *bool) error {
	var modes []*store.Mode
	now := d.now()
	err := d.site.View(ctx, func(tx *store.Tx) (err error) {
		modes, err = tx.Modes(now.Unix())
		return err
	})
	if err != nil {
		return err
	}
	is := emergencyOf(modes)
	var deeds []deed
	for _, c := range []struct {
		mode wire.Mode
		is   bool
		want *bool
	}{{wire.ModeEvacuation, is.Evacuation, evacuation}, {wire.ModeLockdown, is.Lockdown, lockdown}} {
		if c.want == nil {
			continue
		}
		act := SetModeAct(Where{}, c.mode)
		if !*c.want {
			act = a.endsAll(modes, c.mode, now)
		}
		// Also of what is so already: a program learns that it may not.
		if err := d.check(ctx, a, act, &auditTarget{subject: wholeSite, at: []Where{{}}}); err != nil {
			return err
		}
		if *c.want && !c.is {
			deeds = append(deeds, setMode(a, &auditTarget{subject: wholeSite, at: []Where{{}}}, Where{}, c.mode, 0, new(int64)))
		}
		for _, m := range modes {
			if !*c.want && m.Mode == c.mode && whereOf(m) == (Where{}) {
				deeds = append(deeds, endMode(a, &auditTarget{subject: wholeSite, at: []Where{{}}}, a.ends(m, now), m.ID))
			}
		}
	}
	if len(deeds) == 0 {
		return nil
	}
	return d.together(ctx, a, deeds...)
}

// endsAll returns the act of ending all modes of a kind that are wanted of the whole site.
func (a Actor) endsAll(modes []*store.Mode, mode wire.Mode, now time.Time) Act {
	act := EndModeAct(mode)
	for _, m := range modes {
		if m.Mode == mode && whereOf(m) == (Where{}) {
			if act = a.ends(m, now); act != UndoMode {
				break
			}
		}
	}
	return act
}
