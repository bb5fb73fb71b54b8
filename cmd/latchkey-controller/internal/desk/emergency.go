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
// it is. Each is an act of its own. If one of them is not allowed, neither is done.
func (d *Desk) SetEmergency(ctx context.Context, a Actor, lockdown, evacuation *bool) error {
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
	changes := []struct {
		mode wire.Mode
		is   bool
		want *bool
	}{{wire.ModeEvacuation, is.Evacuation, evacuation}, {wire.ModeLockdown, is.Lockdown, lockdown}}
	for _, c := range changes {
		act := SetModeAct(Where{}, c.mode)
		if c.want != nil && !*c.want {
			act = a.endsAll(modes, c.mode, now)
		}
		if c.want != nil { // also of what is so already: a program learns that it may not
			if err := d.check(ctx, a, act, &auditTarget{subject: wholeSite, at: []Where{{}}}); err != nil {
				return err
			}
		}
	}
	for _, c := range changes {
		switch {
		case c.want == nil || *c.want == c.is:
		case *c.want:
			if _, err := d.SetMode(ctx, a, Where{}, c.mode, 0); err != nil {
				return err
			}
		default:
			for _, m := range modes {
				if m.Mode != c.mode || whereOf(m) != (Where{}) {
					continue
				}
				if err := d.EndMode(ctx, a, m.ID); err != nil && Fields(err)["mode"] == "" && !errors.Is(err, ErrNotFound) { // otherwise somebody else has ended it
					return err
				}
			}
		}
	}
	return nil
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
