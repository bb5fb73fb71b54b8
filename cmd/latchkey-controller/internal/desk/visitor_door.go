package desk

import (
	"context"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A VisitDoor is a door as those who invite a visitor see it.
type VisitDoor struct {
	ID       int64
	Name     string
	Place    string               // the location's name
	Takes    bool                 // visitors may be invited to it
	Everyone bool                 // everyone may open it, and so may each visitor, invited to it or not
	AtTimes  bool                 // of Everyone: at set times only
	Why      *language.Sentence   // why no visitor can open it with a PIN: "it demands card and PIN"; nil: they can
	Notes    []*language.Sentence // what else one should know, as sentences
}

// VisitDoors returns all doors in the actor's reach that have a reader, in the order of their
// locations and names.
func (d *Desk) VisitDoors(ctx context.Context, a Actor) (doors []*VisitDoor, err error) {
	err = d.view(ctx, a, ViewPlaces, func(tx *store.Tx) error {
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		doors, err = visitDoors(tx, d.now())
		doors = slices.DeleteFunc(doors, func(door *VisitDoor) bool { return !r.has(Where{Doors, door.ID}) })
		return err
	})
	return doors, err
}

// visitDoors returns the doors that have a reader, or those of them that are given, as they are
// at a time.
func visitDoors(tx *store.Tx, now time.Time, only ...int64) (doors []*VisitDoor, err error) {
	places, err := tx.ReaderPlaces()
	if err != nil {
		return nil, err
	}
	visited, err := tx.VisitedDoors()
	if err != nil {
		return nil, err
	}
	settings, err := tx.GuessSettings()
	if err != nil {
		return nil, err
	}
	bundles, err := tx.Bundles()
	if err != nil {
		return nil, err
	}
	at := map[int64][]*Reader{}
	for _, b := range bundles {
		w := places[b.Reader]
		if len(only) > 0 && !slices.Contains(only, w.Door) {
			continue
		}
		r := &Reader{ID: b.Reader}
		if r.Policy, err = tx.Policy(b.Reader); err != nil {
			return nil, err
		}
		if r.Level, err = tx.ReaderLevel(b.Reader); err != nil {
			return nil, err
		}
		budgets, err := tx.Budgets(b.Number)
		if err != nil {
			return nil, err
		}
		r.Key = keyPlace(budgets, settings)
		if len(at[w.Door]) == 0 {
			doors = append(doors, &VisitDoor{ID: w.Door, Name: doorName(places, b.Reader), Place: w.Place, Takes: visited[w.Door]})
		}
		at[w.Door] = append(at[w.Door], r)
	}
	for _, door := range doors {
		door.judge(at[door.ID], now)
	}
	slices.SortStableFunc(doors, func(a, b *VisitDoor) int {
		return compareKeys(store.SortKey(a.Place), store.SortKey(b.Place), store.SortKey(a.Name), store.SortKey(b.Name))
	})
	return doors, nil
}

// judge fills in what a door's readers mean for a visitor.
func (door *VisitDoor) judge(readers []*Reader, now time.Time) {
	open, always := 0, false
	var shut *language.Sentence
	note := func(says *language.Sentence) {
		if !slices.ContainsFunc(door.Notes, func(s *language.Sentence) bool { return s.String() == says.String() }) {
			door.Notes = append(door.Notes, says)
		}
	}
	for _, r := range readers {
		for _, a := range r.Policy.Access {
			if a.Group == wire.Everyone {
				door.Everyone, always = true, always || a.Schedule == nil
			}
		}
		why := r.neverByPIN(now)
		if why != nil {
			shut = why
			continue
		}
		open++
		if r.Policy.TwoProofs != nil {
			note(language.Say("At set times it demands card and PIN, and a visitor cannot open it with a PIN."))
		}
		if r.OldProofs() {
			note(language.Say("Its reader is too old for PINs with limits: update it first, or invite without limits."))
		}
	}
	door.AtTimes = door.Everyone && !always
	switch {
	case open == 0:
		door.Why, door.Notes = shut, nil
	case shut != nil:
		note(language.Say("Not at each of its readers: at one, %s.", shut))
	}
	if open > 1 {
		note(language.Count(open, "It has %d reader, and each counts uses for itself while it is not connected.", "It has %d readers, and each counts uses for itself while it is not connected."))
	}
}

// TakeVisitors decides whether visitors may be invited to a door. Those who are invited to it
// open it at all of its readers, and no longer as soon as this is switched off, unless everyone
// may. Field: "where".
func (d *Desk) TakeVisitors(ctx context.Context, a Actor, door int64, take bool) error {
	target := &auditTarget{text: onOff(take), at: []Where{{Doors, door}}}
	return d.act(ctx, a, TakeVisitors, target, func(tx *store.Tx, now time.Time) error {
		p, err := placeOf(tx, Doors, door)
		if err != nil {
			return err
		}
		target.subject = p.Name
		return atDoor(p.Name, site.TakeVisitors(tx, now, door, take))
	})
}
