package desk

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// levelNames are the names of the levels, for people.
var levelNames = map[store.Level]string{store.Locations: "location", store.Hubs: "hub", store.Doors: "door"}

// checkPlaceName refuses a name that readers cannot show.
func checkPlaceName(name string) error {
	if name == "" {
		return wrong("name", "Enter a name")
	}
	return wrongField("name", wire.CheckLabel(name))
}

// placeOf returns a place; the error says which one does not exist.
func placeOf(tx *store.Tx, l store.Level, id int64) (*store.Place, error) {
	p, err := tx.Place(l, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("there is no %s %d: %w", levelNames[l], id, err)
	}
	return p, err
}

func placeError(l store.Level, err error) error {
	if errors.Is(err, store.ErrNameTaken) {
		return wrong("name", "There already is a "+levelNames[l]+" with this name; choose another")
	}
	return err
}

func (d *Desk) addPlace(ctx context.Context, a Actor, l, parentLevel store.Level, parent int64, name string) (int64, error) {
	name = TidyName(name)
	p := &store.Place{Parent: parent, Name: name}
	err := d.act(ctx, a, EditPlaces, &auditTarget{subject: cut(name, wire.MaxName), text: "was added as a " + levelNames[l]}, func(tx *store.Tx, _ time.Time) error {
		if err := checkPlaceName(name); err != nil {
			return err
		}
		if l != store.Locations {
			if _, err := placeOf(tx, parentLevel, parent); err != nil {
				return err
			}
		}
		return placeError(l, tx.AddPlace(l, p))
	})
	return p.ID, err
}

// AddLocation adds a location. Fields of this and the following acts: "name", and for
// those with a revision "location", "hub", "door" or "reader".
func (d *Desk) AddLocation(ctx context.Context, a Actor, name string) (id int64, err error) {
	return d.addPlace(ctx, a, store.Locations, store.Level{}, 0, name)
}

// AddHub adds a hub to a location.
func (d *Desk) AddHub(ctx context.Context, a Actor, location int64, name string) (id int64, err error) {
	return d.addPlace(ctx, a, store.Hubs, store.Locations, location, name)
}

// AddDoor adds a door to a hub.
func (d *Desk) AddDoor(ctx context.Context, a Actor, hub int64, name string) (id int64, err error) {
	return d.addPlace(ctx, a, store.Doors, store.Hubs, hub, name)
}

// An edit changes a place and describes the change.
type edit func(*store.Tx, *store.Place) (text string, err error)

// setPlace edits a place, and the policies of the readers that show its name. was is
// the Revision of the place that was edited; if it has changed since, the edit is
// refused; "": do not check.
func (d *Desk) setPlace(ctx context.Context, a Actor, l store.Level, id int64, was string, change edit) error {
	target := &auditTarget{}
	return d.act(ctx, a, EditPlaces, target, func(tx *store.Tx, now time.Time) error {
		p, err := placeOf(tx, l, id)
		if err != nil {
			return err
		}
		target.subject = p.Name
		if was != "" && was != placeRevision(p.Parent, p.Name) {
			return changedMeanwhile(levelNames[l])
		}
		if target.text, err = change(tx, p); err != nil {
			return err
		}
		if err := checkPlaceName(p.Name); err != nil {
			return err
		}
		if err := tx.SetPlace(l, p); err != nil {
			return placeError(l, err)
		}
		readers, err := tx.ReadersAt(l, id)
		if err != nil {
			return err
		}
		return updatePlaceNames(tx, now, readers)
	})
}

// updatePlaceNames puts the current names of doors and locations into readers'
// policies.
func updatePlaceNames(tx *store.Tx, now time.Time, readers []string) error {
	places, err := tx.ReaderPlaces()
	if err != nil {
		return err
	}
	for _, id := range readers {
		p, err := tx.Policy(id)
		if err != nil {
			return err
		}
		if w := places[id]; p.Door != w.DoorName || p.Place != w.Place {
			p.Door, p.Place = w.DoorName, w.Place
			if err := tx.SetPolicy(now.Unix(), p); err != nil {
				return err
			}
		}
	}
	return nil
}

func rename(name string) edit {
	name = TidyName(name)
	return func(_ *store.Tx, p *store.Place) (string, error) {
		p.Name = name
		return "is called " + cut(name, wire.MaxName) + " now", nil
	}
}

func moveTo(hub int64) edit {
	return func(tx *store.Tx, p *store.Place) (string, error) {
		h, err := placeOf(tx, store.Hubs, hub)
		if err != nil {
			return "", err
		}
		from, err := placeOf(tx, store.Hubs, p.Parent)
		if err != nil {
			return "", err
		}
		p.Parent = h.ID
		return "was moved from " + from.Name + " to " + h.Name, nil
	}
}

// RenameLocation renames a location, on the readers' screens too.
func (d *Desk) RenameLocation(ctx context.Context, a Actor, id int64, was, name string) error {
	return d.setPlace(ctx, a, store.Locations, id, was, rename(name))
}

// RenameHub renames a hub.
func (d *Desk) RenameHub(ctx context.Context, a Actor, id int64, was, name string) error {
	return d.setPlace(ctx, a, store.Hubs, id, was, rename(name))
}

// RenameDoor renames a door, on the readers' screens too.
func (d *Desk) RenameDoor(ctx context.Context, a Actor, id int64, was, name string) error {
	return d.setPlace(ctx, a, store.Doors, id, was, rename(name))
}

// MoveDoor moves a door to another hub.
func (d *Desk) MoveDoor(ctx context.Context, a Actor, door, hub int64) error {
	return d.setPlace(ctx, a, store.Doors, door, "", moveTo(hub))
}

// EditDoor renames a door and moves it to a hub, as far as these differ; hub 0: leave
// it where it is.
func (d *Desk) EditDoor(ctx context.Context, a Actor, door int64, was, name string, hub int64) error {
	return d.setPlace(ctx, a, store.Doors, door, was, func(tx *store.Tx, p *store.Place) (string, error) {
		var edits []edit
		if TidyName(name) != p.Name {
			edits = append(edits, rename(name))
		}
		if hub != 0 && hub != p.Parent {
			edits = append(edits, moveTo(hub))
		}
		texts := make([]string, len(edits))
		for i, edit := range edits {
			var err error
			if texts[i], err = edit(tx, p); err != nil {
				return "", err
			}
		}
		return strings.Join(texts, " and "), nil
	})
}

// MoveReader assigns a reader to another door. was is the PlaceRevision that was
// edited; if it has changed since, the move is refused; "": do not check.
func (d *Desk) MoveReader(ctx context.Context, a Actor, reader, was string, door int64) error {
	target := &auditTarget{reader: reader, subject: reader}
	return d.act(ctx, a, EditPlaces, target, func(tx *store.Tx, now time.Time) error {
		p, err := placeOf(tx, store.Doors, door)
		if err != nil {
			return err
		}
		if _, err := tx.Policy(reader); errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("there is no reader %q: %w", reader, err)
		} else if err != nil {
			return err
		}
		places, err := tx.ReaderPlaces()
		if err != nil {
			return err
		}
		if was != "" && was != revision(places[reader].Door) {
			return changedMeanwhile("reader")
		}
		target.text = "was moved from " + doorName(places, reader) + " to " + p.Name
		if err := tx.SetDoor(reader, door); err != nil {
			return err
		}
		return updatePlaceNames(tx, now, []string{reader})
	})
}

func (d *Desk) removePlace(ctx context.Context, a Actor, l store.Level, id int64, holds string) error {
	target := &auditTarget{text: "was removed (" + levelNames[l] + ")"}
	return d.act(ctx, a, EditPlaces, target, func(tx *store.Tx, _ time.Time) error {
		p, err := placeOf(tx, l, id)
		if err != nil {
			return err
		}
		target.subject = p.Name
		if n, err := tx.CountIn(l, id); err != nil {
			return err
		} else if n > 0 {
			return wrong("name", fmt.Sprintf("%s still has %s; move or remove these first", p.Name, count(n, holds)))
		}
		return tx.RemovePlace(l, id)
	})
}

// RemoveLocation removes a location without hubs.
func (d *Desk) RemoveLocation(ctx context.Context, a Actor, id int64) error {
	return d.removePlace(ctx, a, store.Locations, id, "hub")
}

// RemoveHub removes a hub without doors.
func (d *Desk) RemoveHub(ctx context.Context, a Actor, id int64) error {
	return d.removePlace(ctx, a, store.Hubs, id, "door")
}

// RemoveDoor removes a door without readers.
func (d *Desk) RemoveDoor(ctx context.Context, a Actor, id int64) error {
	return d.removePlace(ctx, a, store.Doors, id, "reader")
}
