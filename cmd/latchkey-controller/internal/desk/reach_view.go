package desk

import (
	"context"
	"slices"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// A Reach is what of the site an administrator acts on who is limited to locations, as it was
// when it was asked for. With it pages hide what would be refused; acts check again. A nil one
// is the whole site.
type Reach struct {
	Locations []place // by name; none: all of them were removed

	of    *reach
	used  map[int64]bool // schedules that are used at doors out of reach
	first bool           // the first card that proves itself is awaited
}

// Reach returns what an actor acts on; nil: the whole site.
func (d *Desk) Reach(ctx context.Context, a Actor) (*Reach, error) {
	var r *Reach
	err := d.site.View(ctx, func(tx *store.Tx) error {
		of, err := a.reach(tx)
		if err != nil || of.all {
			return err
		}
		r = &Reach{of: of, used: map[int64]bool{}}
		locations, err := tx.Places(store.Locations)
		if err != nil {
			return err
		}
		for _, l := range locations {
			if slices.Contains(of.locations, l.ID) {
				r.Locations = append(r.Locations, place(*l))
			}
		}
		uses, err := tx.ScheduleUses()
		if err != nil {
			return err
		}
		for _, u := range uses {
			if of.guards(u.Reader) {
				r.used[u.Schedule] = true
			}
		}
		first, err := tx.FirstProven()
		if err != nil {
			return err
		}
		r.first = first == store.FirstProvenAwaited
		return of.load(tx)
	})
	return r, err
}

// User says why no act on a user is in reach, as an ErrNotAllowed; nil: they are.
func (r *Reach) User(u *UserRow) error {
	if r == nil {
		return nil
	}
	if err := r.of.checkUser(u.row); err != nil {
		return err
	}
	if len(r.Locations) == 0 {
		return ErrNowhere
	}
	return nil
}

// Newcomers says why no user and no visitor can be added, as an ErrNotAllowed; nil: they can.
func (r *Reach) Newcomers() error {
	switch {
	case r == nil:
		return nil
	case len(r.Locations) == 0:
		return ErrNowhere
	}
	return r.of.checkNewcomers()
}

// Group says why a group's members and name are out of reach, as an ErrNotAllowed; nil: they are
// not.
func (r *Reach) Group(name string) error {
	if r == nil {
		return nil
	}
	return r.of.checkGroup(name)
}

// Schedule says why a schedule is out of reach, as an ErrNotAllowed; nil: it is not.
func (r *Reach) Schedule(s *Schedule) error {
	if r == nil || !r.used[s.ID] {
		return nil
	}
	return errUsedElsewhere
}

// Keys says why no card can be given keys, as an ErrNotAllowed; nil: cards can.
func (r *Reach) Keys() error {
	if r == nil || !r.first {
		return nil
	}
	return notAllowed(language.Say("the first card that cannot be copied changes how all doors of the site work: an administrator of the whole site gives it"))
}
