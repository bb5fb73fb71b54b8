package desk

import (
	"context"
	"slices"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A Situation is what programs that follow doors want to know of a site.
type Situation struct {
	Locations []*Location
	Rules     map[int64]LockRule  // by door
	Wanted    map[int64]wire.Mode // by door: the highest mode that is wanted there
	Emergency Emergency
}

// Situation returns the situation now.
func (d *Desk) Situation(ctx context.Context, a Actor) (*Situation, error) {
	s := &Situation{Rules: map[int64]LockRule{}, Wanted: map[int64]wire.Mode{}}
	if err := d.check(ctx, a, ViewReaders, new(auditTarget)); err != nil {
		return nil, err
	}
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
		return nil, err
	}
	if s.Locations, err = d.Places(ctx, a); err != nil {
		return nil, err
	}
	s.Emergency = r.emergency(modes)
	for _, l := range s.Locations {
		for _, door := range l.Doors {
			here := slices.DeleteFunc(slices.Clone(modes), func(m *store.Mode) bool { return !covers(m, l.ID, door.ID) })
			s.Wanted[door.ID] = wire.ModeNormal
			for _, m := range here {
				if m.Mode.Above(s.Wanted[door.ID]) {
					s.Wanted[door.ID] = m.Mode
				}
			}
			var policies []*wire.Policy
			for _, r := range door.Readers {
				if !waits(&r.Live.Condition) {
					policies = append(policies, r.Policy)
				}
			}
			if s.Rules[door.ID], err = ruleOf(here, policies, now); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// Follower returns the actor of a part of the controller that follows what happens for programs
// that may see it. It sees neither administrators' acts nor PINs for duress.
func Follower() Actor { return Actor{Name: "Latchkey", Role: Viewer, Via: Controller} }

// A Glance is what changes often of a reader.
type Glance struct {
	Online bool
	Strike wire.StrikeState
	Door   wire.DoorState
	Mode   wire.ModeState
}

// Glances returns them of all readers that were heard of, by id. It can be called often.
func (d *Desk) Glances(ctx context.Context, a Actor) (map[string]Glance, error) {
	if err := d.check(ctx, a, ViewReaders, new(auditTarget)); err != nil {
		return nil, err
	}
	sight, err := d.Sight(ctx, a)
	if err != nil {
		return nil, err
	}
	lives, err := d.lives(ctx)
	all := make(map[string]Glance, len(lives.of))
	for id, live := range lives.of {
		if !sight.Reader(id) || lives.unheard[id] {
			continue
		}
		g := Glance{Online: live.Online}
		if live.State != nil && live.State.Condition != nil {
			c := live.State.Condition
			g.Strike, g.Door = c.Strike, c.Door
			if c.Mode != nil {
				g.Mode = *c.Mode
			}
		}
		all[id] = g
	}
	return all, err
}
