package desk

import "context"

// A Location is a building or a site, with its doors.
type Location struct {
	ID    int64
	Name  string
	Hubs  []*Hub
	Doors []*Door // of all hubs, by name
}

// A Hub groups doors and their readers.
type Hub struct {
	ID       int64
	Name     string
	Location int64
	Place    string // the location's name
	Doors    []*Door
}

// A Door is a door with the readers that serve it.
type Door struct {
	ID       int64
	Name     string
	Hub      int64
	HubName  string
	Location int64
	Place    string // the location's name
	Readers  []*Reader
}

// Places returns all locations with hubs, doors and readers, by name.
func (d *Desk) Places(ctx context.Context, a Actor) ([]*Location, error) { return nil, errUnwritten }

// Door returns a door, or ErrNotFound.
func (d *Desk) Door(ctx context.Context, a Actor, id int64) (*Door, error) { return nil, errUnwritten }

// Hub returns a hub, or ErrNotFound.
func (d *Desk) Hub(ctx context.Context, a Actor, id int64) (*Hub, error) { return nil, errUnwritten }

// AddLocation adds a location. Field of this and all below: "name".
func (d *Desk) AddLocation(ctx context.Context, a Actor, name string) (id int64, err error) {
	return 0, errUnwritten
}

// AddHub adds a hub to a location.
func (d *Desk) AddHub(ctx context.Context, a Actor, location int64, name string) (id int64, err error) {
	return 0, errUnwritten
}

// AddDoor adds a door to a hub.
func (d *Desk) AddDoor(ctx context.Context, a Actor, hub int64, name string) (id int64, err error) {
	return 0, errUnwritten
}

// RenameLocation renames a location, on the readers' screens too.
func (d *Desk) RenameLocation(ctx context.Context, a Actor, id int64, name string) error {
	return errUnwritten
}

// RenameHub renames a hub.
func (d *Desk) RenameHub(ctx context.Context, a Actor, id int64, name string) error {
	return errUnwritten
}

// RenameDoor renames a door, on the readers' screens too.
func (d *Desk) RenameDoor(ctx context.Context, a Actor, id int64, name string) error {
	return errUnwritten
}

// RemoveLocation, RemoveHub and RemoveDoor remove what is empty; otherwise the
// error says what is still in it.
func (d *Desk) RemoveLocation(ctx context.Context, a Actor, id int64) error { return errUnwritten }

// RemoveHub removes a hub without doors.
func (d *Desk) RemoveHub(ctx context.Context, a Actor, id int64) error { return errUnwritten }

// RemoveDoor removes a door without readers.
func (d *Desk) RemoveDoor(ctx context.Context, a Actor, id int64) error { return errUnwritten }

// MoveReader lets a reader serve another door.
func (d *Desk) MoveReader(ctx context.Context, a Actor, reader string, door int64) error {
	return errUnwritten
}

// MoveDoor puts a door to another hub.
func (d *Desk) MoveDoor(ctx context.Context, a Actor, door, hub int64) error { return errUnwritten }
