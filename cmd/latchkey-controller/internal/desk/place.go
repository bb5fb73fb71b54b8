package desk

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
