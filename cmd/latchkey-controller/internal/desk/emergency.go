package desk

import (
	"context"
	"errors"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// An Emergency is what is wanted of all on which an actor acts. Where both are, evacuation is in
// force.
type Emergency struct{ Lockdown, Evacuation bool }

// widest returns all on which the actor acts, as places of modes: the whole site, or each of
// their locations.
func (r *reach) widest() (all []Where) {
	if r.all {
		return []Where{{}}
	}
	for _, id := range r.locations {
		all = append(all, Where{Locations, id})
	}
	return all
}

// wantedAt returns the modes of a kind that are wanted of a place itself.
func wantedAt(modes []*store.Mode, mode wire.Mode, where Where) (at []*store.Mode) {
	for _, m := range modes {
		if m.Mode == mode && whereOf(m) == where {
			at = append(at, m)
		}
	}
	return at
}

// emergency returns what of an emergency is among the modes wanted now: of the whole site, or of
// all on which the actor acts.
func (r *reach) emergency(modes []*store.Mode) Emergency {
	wanted := func(mode wire.Mode) bool {
		all := r.widest()
		without := func(where Where) bool { return len(wantedAt(modes, mode, where)) == 0 }
		return !without(Where{}) || len(all) > 0 && !slices.ContainsFunc(all, without)
	}
	return Emergency{Lockdown: wanted(wire.ModeLockdown), Evacuation: wanted(wire.ModeEvacuation)}
}

// Emergency returns what is wanted of all on which the actor acts.
func (d *Desk) Emergency(ctx context.Context, a Actor) (e Emergency, err error) {
	err = d.view(ctx, a, ViewReaders, func(tx *store.Tx) error {
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		modes, err := tx.Modes(d.now().Unix())
		e = r.emergency(modes)
		return err
	})
	return e, err
}

// A ModeAt is a mode that was set at a place.
type ModeAt struct {
	ID    int64
	Place string // its name
}

// SetModeOfAll is SetMode for all on which the actor acts: the whole site, or each of their
// locations. Each is an act of its own, and all are done or none.
func (d *Desk) SetModeOfAll(ctx context.Context, a Actor, mode wire.Mode, until int64) ([]ModeAt, error) {
	if err := checkMode(mode, until, d.now()); err != nil {
		return nil, err
	}
	var all []Where
	err := d.site.View(ctx, func(tx *store.Tx) error {
		r, err := a.reach(tx)
		if err == nil {
			all = r.widest()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, d.check(ctx, a, SetModeAct(Where{Level: Locations}, mode), &auditTarget{subject: theirLocations})
	}
	done, deeds := make([]ModeAt, len(all)), make([]deed, len(all))
	for i, where := range all {
		target, err := d.target(ctx, where)
		if err != nil {
			return nil, err
		}
		done[i].Place = target.subject
		deeds[i] = setMode(a, target, where, mode, until, &done[i].ID)
	}
	return done, d.together(ctx, a, deeds...)
}

// theirLocations is what is done to all locations of somebody who is limited to these, in the
// audit.
const theirLocations = "all their locations"

// SetEmergency begins or ends a lockdown or an evacuation of all on which the actor acts: of the
// whole site, or of each of their locations; nil: it stays as it is. Each is an act of its own,
// and all are done or none. Who is limited to locations cannot end one of the whole site.
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
	var r *reach
	now := d.now()
	err := d.site.View(ctx, func(tx *store.Tx) (err error) {
		if r, err = a.reach(tx); err == nil {
			modes, err = tx.Modes(now.Unix())
		}
		return err
	})
	if err != nil {
		return err
	}
	all, subject := r.widest(), wholeSite
	if !r.all {
		subject = theirLocations
	}
	var deeds []deed
	for _, c := range []struct {
		mode wire.Mode
		want *bool
	}{{wire.ModeEvacuation, evacuation}, {wire.ModeLockdown, lockdown}} {
		if c.want == nil {
			continue
		}
		// Also of what is so already: a program learns that it may not.
		act, about := SetModeAct(Where{}, c.mode), &auditTarget{subject: subject, at: all}
		if !*c.want {
			act = a.endsAll(modes, all, c.mode, now)
			if len(wantedAt(modes, c.mode, Where{})) > 0 {
				about = &auditTarget{subject: wholeSite, at: []Where{{}}}
			}
		}
		if err := d.check(ctx, a, act, about); err != nil {
			return err
		}
		for _, where := range all {
			wanted := wantedAt(modes, c.mode, where)
			if *c.want == (len(wanted) > 0) {
				continue
			}
			target, err := d.target(ctx, where)
			if err != nil {
				return err
			}
			if *c.want {
				deeds = append(deeds, setMode(a, target, where, c.mode, 0, new(int64)))
			}
			for _, m := range wanted {
				one := *target // each has an audit entry of its own
				deeds = append(deeds, endMode(a, &one, a.ends(m, now), m.ID))
			}
		}
	}
	if len(deeds) == 0 {
		return nil
	}
	return d.together(ctx, a, deeds...)
}

// endsAll returns the act of ending all modes of a kind that are wanted of places.
func (a Actor) endsAll(modes []*store.Mode, places []Where, mode wire.Mode, now time.Time) Act {
	act := EndModeAct(mode)
	for _, where := range places {
		for _, m := range wantedAt(modes, mode, where) {
			if act = a.ends(m, now); act != UndoMode {
				return act
			}
		}
	}
	return act
}
