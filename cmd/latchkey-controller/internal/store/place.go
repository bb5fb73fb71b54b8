package store

import (
	"cmp"
	"errors"
)

// A Level is a kind of place: a location holds hubs, a hub holds doors, a door has
// readers.
type Level struct{ table, parent, child, childColumn string }

// The levels.
var (
	Locations = Level{"locations", "", "hubs", "location_id"}
	Hubs      = Level{"hubs", "location_id", "doors", "hub_id"}
	Doors     = Level{"doors", "hub_id", "readers", "door_id"}
)

// A Place is a location, a hub or a door.
type Place struct {
	ID     int64
	Parent int64 // 0 of a location
	Name   string
}

// Places returns all places of a level, by name.
func (t *Tx) Places(l Level) (places []*Place, err error) {
	err = t.rows(`SELECT id, `+cmp.Or(l.parent, `0`)+`, name FROM `+l.table+` ORDER BY name, id`, nil, func(r scanner) error {
		var p Place
		places = append(places, &p)
		return r.Scan(&p.ID, &p.Parent, &p.Name)
	})
	return places, err
}

// Place returns a place, or ErrNotFound.
func (t *Tx) Place(l Level, id int64) (*Place, error) {
	var p Place
	return &p, t.row(`SELECT id, `+cmp.Or(l.parent, `0`)+`, name FROM `+l.table+` WHERE id = ?`, []any{id}, &p.ID, &p.Parent, &p.Name)
}

// AddPlace adds a place and fills in its ID. The error is ErrNameTaken if there
// is one of that name in the same parent.
func (t *Tx) AddPlace(l Level, p *Place) error {
	columns, values, args := `name`, `?`, []any{p.Name}
	if l.parent != "" {
		columns, values, args = columns+`, `+l.parent, values+`, ?`, append(args, p.Parent)
	}
	err := t.row(`INSERT INTO `+l.table+` (`+columns+`) VALUES (`+values+`) ON CONFLICT DO NOTHING RETURNING id`, args, &p.ID)
	if errors.Is(err, ErrNotFound) {
		return ErrNameTaken
	}
	return err
}

// SetPlace renames a place or moves it to another parent. The error is ErrNameTaken
// as for AddPlace.
func (t *Tx) SetPlace(l Level, p *Place) error {
	set, same, args := `name = ?2`, `name = ?2`, []any{p.ID, p.Name}
	if l.parent != "" {
		set, same, args = set+`, `+l.parent+` = ?3`, same+` AND `+l.parent+` = ?3`, append(args, p.Parent)
	}
	var id int64
	err := t.row(`UPDATE `+l.table+` SET `+set+` WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM `+l.table+` WHERE `+same+` AND id <> ?1) RETURNING id`, args, &id)
	if errors.Is(err, ErrNotFound) {
		return ErrNameTaken
	}
	return err
}

// CountIn returns how many places a place holds, or how many readers a door has,
// without removed ones.
func (t *Tx) CountIn(l Level, id int64) (n int, err error) {
	query := `SELECT count(*) FROM ` + l.child + ` WHERE ` + l.childColumn + ` = ?`
	if l == Doors {
		query += ` AND removed = ''`
	}
	err = t.row(query, []any{id}, &n)
	return n, err
}

// RemovePlace removes a place, which must hold nothing.
func (t *Tx) RemovePlace(l Level, id int64) error {
	if l == Doors {
		if err := t.exec(`UPDATE readers SET door_id = NULL WHERE door_id = ?`, id); err != nil {
			return err
		}
	}
	return t.exec(`DELETE FROM `+l.table+` WHERE id = ?`, id)
}

// OwnHub returns the hub that was made for a door alone: it has the door's name, and holds no other;
// nil: the door is at another one.
func (t *Tx) OwnHub(door *Place) (*Place, error) {
	var h Place
	err := t.row(`SELECT id, location_id, name FROM hubs WHERE id = ? AND name = ? AND (SELECT count(*) FROM doors WHERE hub_id = hubs.id) = 1`, []any{door.Parent, door.Name}, &h.ID, &h.Parent, &h.Name)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return &h, err
}

// FollowDoor has the hub that was a door's own follow it, nil: none. It takes the door's name, unless the
// location has a hub of that name, and goes if the door is at another one now.
func (t *Tx) FollowDoor(own, door *Place) error {
	switch {
	case own == nil:
		return nil
	case own.ID != door.Parent:
		return t.RemovePlace(Hubs, own.ID)
	}
	own.Name = door.Name
	if err := t.SetPlace(Hubs, own); !errors.Is(err, ErrNameTaken) {
		return err
	}
	return nil
}

// A ReaderPlace is where a reader is installed.
type ReaderPlace struct {
	Reader                   string
	Door, Hub, Location      int64 // 0: nowhere
	DoorName, HubName, Place string
}

// ReaderPlaces returns where all readers are, by their ids.
func (t *Tx) ReaderPlaces() (map[string]*ReaderPlace, error) {
	places := map[string]*ReaderPlace{}
	err := t.rows(readerPlaces, nil, func(r scanner) error {
		var w ReaderPlace
		err := r.Scan(w.columns()...)
		places[w.Reader] = &w
		return err
	})
	return places, err
}

const readerPlaces = `SELECT r.id, coalesce(d.id, 0), coalesce(h.id, 0), coalesce(l.id, 0), coalesce(d.name, ''), coalesce(h.name, ''), coalesce(l.name, '')
	FROM readers r LEFT JOIN doors d ON d.id = r.door_id LEFT JOIN hubs h ON h.id = d.hub_id LEFT JOIN locations l ON l.id = h.location_id`

func (w *ReaderPlace) columns() []any {
	return []any{&w.Reader, &w.Door, &w.Hub, &w.Location, &w.DoorName, &w.HubName, &w.Place}
}

// SetDoor assigns a reader to a door.
func (t *Tx) SetDoor(reader string, door int64) error {
	return t.exec(`UPDATE readers SET door_id = ? WHERE id = ?`, door, reader)
}

// PlaceReader assigns a reader to a door by the names of the location and the door.
// It adds what does not exist, with a hub named like the door, but renames a door that
// has no other reader. An empty location means the reader's current one, else the
// first, else a new one named like the site.
func (t *Tx) PlaceReader(reader, location, door string) error {
	var is ReaderPlace
	err := t.row(readerPlaces+` WHERE r.id = ?`, []any{reader}, is.columns()...)
	if err != nil {
		return err
	}
	if location == "" {
		if location = is.Place; location == "" {
			err := t.row(`SELECT name FROM (SELECT id, name FROM locations UNION ALL SELECT 9223372036854775807, name FROM site) AS named ORDER BY id LIMIT 1`, nil, &location)
			if err != nil {
				return err
			}
		}
	}
	if door = cmp.Or(door, reader); door == is.DoorName && location == is.Place {
		return nil
	}
	var id int64
	err = t.row(`SELECT d.id FROM doors d JOIN hubs h ON h.id = d.hub_id JOIN locations l ON l.id = h.location_id
		WHERE l.name = ? AND d.name = ? ORDER BY d.id LIMIT 1`, []any{location, door}, &id)
	if err == nil {
		return t.SetDoor(reader, id)
	}
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	if location == is.Place {
		if n, err := t.CountIn(Doors, is.Door); err != nil {
			return err
		} else if n == 1 {
			own, err := t.OwnHub(&Place{Parent: is.Hub, Name: is.DoorName})
			if err != nil {
				return err
			}
			at := &Place{ID: is.Door, Parent: is.Hub, Name: door}
			if err := t.SetPlace(Doors, at); err != nil {
				return err
			}
			return t.FollowDoor(own, at)
		}
	}
	parent := int64(0)
	for _, step := range []struct {
		level Level
		name  string
	}{{Locations, location}, {Hubs, door}, {Doors, door}} {
		p := &Place{Parent: parent, Name: step.name}
		if err := t.FindOrAddPlace(step.level, p); err != nil {
			return err
		}
		parent = p.ID
	}
	return t.SetDoor(reader, parent)
}

// FindOrAddPlace fills in the id of a place by its name and parent, and adds it if there is none.
func (t *Tx) FindOrAddPlace(l Level, p *Place) error {
	err := t.row(`SELECT id FROM `+l.table+` WHERE name = ? AND `+cmp.Or(l.parent, `0`)+` = ?`, []any{p.Name, p.Parent}, &p.ID)
	if errors.Is(err, ErrNotFound) {
		return t.AddPlace(l, p)
	}
	return err
}

// ReadersAt returns the readers of a place, sorted by their ids.
func (t *Tx) ReadersAt(l Level, id int64) ([]string, error) {
	where := map[string]string{"locations": `h.location_id`, "hubs": `d.hub_id`, "doors": `d.id`}[l.table]
	return t.texts(`SELECT r.id FROM readers r JOIN doors d ON d.id = r.door_id JOIN hubs h ON h.id = d.hub_id WHERE `+where+` = ? ORDER BY r.id`, id)
}
