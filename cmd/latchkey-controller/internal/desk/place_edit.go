package desk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A Level is a kind of place: a location holds hubs, a hub holds doors, a door has
// readers. Its text is the word for one.
type Level string

// The levels.
const (
	Locations Level = "location"
	Hubs      Level = "hub"
	Doors     Level = "door"
)

var levels = map[Level]struct {
	rows   store.Level
	parent Level // "": none
}{
	Locations: {store.Locations, ""},
	Hubs:      {store.Hubs, Locations},
	Doors:     {store.Doors, Hubs},
}

var (
	addedAs = map[Level]*language.Sentence{
		Locations: language.Say("was added as a location"), Hubs: language.Say("was added as a hub"), Doors: language.Say("was added as a door"),
	}
	removedAs = map[Level]*language.Sentence{
		Locations: language.Say("was removed (location)"), Hubs: language.Say("was removed (hub)"), Doors: language.Say("was removed (door)"),
	}
)

// checkPlaceName refuses a name that readers cannot show.
func checkPlaceName(name string) error {
	if name == "" {
		return wrong("name", "Enter a name")
	}
	return wrongField("name", wire.CheckLabel(name))
}

// placeOf returns a place; the error says which one does not exist.
func placeOf(tx *store.Tx, l Level, id int64) (*store.Place, error) {
	p, err := tx.Place(levels[l].rows, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("there is no %s %d: %w", l, id, err)
	}
	return p, err
}

func placeError(l Level, err error) error {
	if errors.Is(err, store.ErrNameTaken) {
		switch l {
		case Locations:
			return wrong("name", "There already is a location with this name; choose another")
		case Hubs:
			return wrong("name", "There already is a hub with this name; choose another")
		default:
			return wrong("name", "There already is a door with this name; choose another")
		}
	}
	return err
}

// AddPlace adds a place to one of the level above; a location is in none. Field:
// "name".
func (d *Desk) AddPlace(ctx context.Context, a Actor, l Level, in int64, name string) (id int64, err error) {
	level, ok := levels[l]
	if !ok {
		return 0, ErrNotFound
	}
	p := &store.Place{Parent: in, Name: TidyName(name)}
	target := &auditTarget{subject: cut(p.Name, wire.MaxName), text: addedAs[l], at: []Where{{level.parent, in}}}
	err = d.act(ctx, a, EditPlaces, target, func(tx *store.Tx, _ time.Time) error {
		if err := checkPlaceName(p.Name); err != nil {
			return err
		}
		if level.parent != "" {
			if _, err := placeOf(tx, level.parent, in); err != nil {
				return err
			}
		}
		return placeError(l, tx.AddPlace(level.rows, p))
	})
	return p.ID, err
}

// A PlaceForm is a place as an administrator edits it.
type PlaceForm struct {
	Name     string
	In       int64 // the place that holds it; 0 of a location
	Location int64 // of a door; another one moves it there, to a hub of its own, unless In changes. The hub of its own that it leaves goes
}

// EditPlace edits a place, and the policies of the readers that show its name. was is
// the Revision of the place that was edited; if it has changed since, the edit is
// refused; "": do not check. Fields: "name", and the level for such a refusal.
func (d *Desk) EditPlace(ctx context.Context, a Actor, l Level, id int64, was string, edit func(*PlaceForm)) error {
	level, ok := levels[l]
	if !ok {
		return ErrNotFound
	}
	target := &auditTarget{at: []Where{{l, id}}} // where it is, and where it is moved to
	return d.act(ctx, a, EditPlaces, target, func(tx *store.Tx, now time.Time) error {
		p, err := placeOf(tx, l, id)
		if err != nil {
			return err
		}
		target.subject = p.Name
		if was != "" && was != place(*p).Revision() {
			return changedMeanwhile(string(l))
		}
		form := PlaceForm{Name: p.Name, In: p.Parent}
		var own *store.Place // of a door: the hub that follows it
		location := int64(0)
		if l == Doors {
			hub, err := placeOf(tx, Hubs, p.Parent)
			if err != nil {
				return err
			}
			if own, err = tx.OwnHub(p); err != nil {
				return err
			}
			location = hub.Parent
		}
		form.Location = location
		edit(&form)
		var says []*language.Sentence
		if form.Name != p.Name {
			p.Name = TidyName(form.Name)
			says = append(says, language.Say("is called %s now", cut(p.Name, wire.MaxName)))
		}
		if err := checkPlaceName(p.Name); err != nil {
			return err
		}
		if form.In != p.Parent {
			from, err := placeOf(tx, level.parent, p.Parent)
			if err != nil {
				return err
			}
			to, err := placeOf(tx, level.parent, form.In)
			if err != nil {
				return err
			}
			p.Parent = to.ID
			says = append(says, language.Say("was moved from %s to %s", from.Name, to.Name))
		} else if form.Location != location {
			moved, err := moveDoor(tx, p, location, form.Location)
			if err != nil {
				return err
			}
			says = append(says, moved)
		}
		target.text = both(says)
		if err := tx.SetPlace(level.rows, p); err != nil {
			return placeError(l, err)
		}
		if err := tx.FollowDoor(own, p); err != nil {
			return err
		}
		readers, err := tx.ReadersAt(level.rows, id)
		if err != nil {
			return err
		}
		return updatePlaceNames(tx, now, a, readers)
	})
}

// updatePlaceNames puts the current names of doors and locations into readers'
// policies, and the modes that are wanted there.
func updatePlaceNames(tx *store.Tx, now time.Time, a Actor, readers []string) error {
	places, err := tx.ReaderPlaces()
	if err != nil {
		return err
	}
	for _, id := range readers {
		p, err := tx.Policy(id)
		if err != nil {
			return err
		}
		p.Door, p.Place = places[id].DoorName, places[id].Place
		if err := a.setPolicy(tx, now, p); err != nil {
			return atDoor(p.Door, err)
		}
	}
	return nil
}

// MoveReader assigns a reader to another door. was is the PlaceRevision that was
// edited; if it has changed since, the move is refused; "": do not check. Field:
// "reader".
func (d *Desk) MoveReader(ctx context.Context, a Actor, reader, was string, door int64) error {
	target := &auditTarget{reader: reader, subject: reader} // at both doors
	return d.act(ctx, a, EditPlaces, target, func(tx *store.Tx, now time.Time) error {
		p, err := placeOf(tx, Doors, door)
		if err != nil {
			return err
		}
		places, err := tx.ReaderPlaces()
		if err != nil {
			return err
		}
		if places[reader] == nil {
			return fmt.Errorf("there is no reader %q: %w", reader, ErrNotFound)
		}
		if was != "" && was != revision(places[reader].Door) {
			return changedMeanwhile("reader")
		}
		target.text = language.Say("was moved from %s to %s", doorName(places, reader), p.Name)
		if err := tx.SetDoor(reader, door); err != nil {
			return err
		}
		return updatePlaceNames(tx, now, a, []string{reader})
	})
}

// RemovePlace removes a place that holds nothing; a door with a hub of its own. Field: "name".
func (d *Desk) RemovePlace(ctx context.Context, a Actor, l Level, id int64) error {
	level, ok := levels[l]
	if !ok {
		return ErrNotFound
	}
	target := &auditTarget{text: removedAs[l], at: []Where{{l, id}}}
	if l == Locations { // and no longer one to which administrators are limited
		target.at = []Where{{}}
	}
	return d.act(ctx, a, EditPlaces, target, func(tx *store.Tx, now time.Time) error {
		p, err := placeOf(tx, l, id)
		if err != nil {
			return err
		}
		target.subject = p.Name
		if n, err := tx.CountIn(level.rows, id); err != nil {
			return err
		} else if n > 0 {
			return wrongField("name", stillHas(l, p.Name, n))
		}
		modes, err := tx.ModesOf(string(l), id)
		if err != nil {
			return err
		}
		for _, m := range modes { // nobody could end them any more
			if err := tx.EndMode(m.ID, now.UnixMilli(), a.wants()); err != nil {
				return err
			}
		}
		var readers []string // of a door: those that were removed
		if l == Doors {
			if readers, err = tx.ReadersAt(level.rows, id); err != nil {
				return err
			}
		}
		var hub *store.Place // of a door, which goes with it
		if l == Doors {
			if hub, err = tx.OwnHub(p); err != nil {
				return err
			}
		}
		if err := tx.RemovePlace(level.rows, id); err != nil {
			return err
		}
		if hub != nil {
			if err := tx.RemovePlace(store.Hubs, hub.ID); err != nil {
				return err
			}
		}
		target.at = nil
		for _, reader := range readers {
			policy, err := tx.Policy(reader)
			if err != nil {
				return err
			}
			if err := site.SetPolicy(tx, now, policy); err != nil { // without what the door gave it
				return err
			}
		}
		return nil
	})
}

// stillHas says that a place has others in it, or readers, and so cannot be removed.
func stillHas(l Level, name string, n int) *language.Sentence {
	switch l {
	case Locations:
		return language.Count(n, "%[2]s still has %[1]d hub; move or remove it first", "%[2]s still has %[1]d hubs; move or remove these first", name)
	case Hubs:
		return language.Count(n, "%[2]s still has %[1]d door; move or remove it first", "%[2]s still has %[1]d doors; move or remove these first", name)
	}
	return language.Count(n, "%[2]s still has %[1]d reader; move or remove it first", "%[2]s still has %[1]d readers; move or remove these first", name)
}
