package api

import (
	"latchkey/cmd/latchkey-controller/internal/desk"
)

// A doorGroup is doors that can be named together: a location with all its doors, or a hub.
type doorGroup struct {
	id, name, kind string // kind is building or access
	doors          []*desk.Door
}

// A doorGroupObject is a doorGroup as programs see it.
type doorGroupObject struct {
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Type      string          `json:"type"` // building, access
	Resources []groupResource `json:"resources"`
}

// A groupResource is a door of a group.
type groupResource struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"` // door
}

// A topologyObject is a location with its hubs, which are called floors there.
type topologyObject struct {
	ID     string          `json:"id"`
	Name   string          `json:"name"`
	Type   string          `json:"type"` // building
	Floors []topologyFloor `json:"resource_topologies"`
}

// A topologyFloor is a hub.
type topologyFloor struct {
	ID    string         `json:"id"`
	Name  string         `json:"name"`
	Type  string         `json:"type"` // floor
	Doors []topologyDoor `json:"resources"`
}

// A topologyDoor is a door of a hub.
type topologyDoor struct {
	groupResource
	Bound bool `json:"is_bind_hub"`
}

func (a *API) locationGroup(l *desk.Location) *doorGroup {
	return &doorGroup{a.ids.of(kindLocation, l.ID), l.Name, "building", l.Doors}
}

func (a *API) hubGroup(h *desk.Hub) *doorGroup {
	return &doorGroup{a.ids.of(kindHub, h.ID), h.Place + " - " + h.Name, "access", h.Doors}
}

// doorGroupOf returns the group with an id, or desk.ErrNotFound.
func (a *API) doorGroupOf(locations []*desk.Location, id string) (*doorGroup, error) {
	for _, l := range locations {
		if g := a.locationGroup(l); g.id == id {
			return g, nil
		}
		for _, h := range l.Hubs {
			if g := a.hubGroup(h); g.id == id {
				return g, nil
			}
		}
	}
	return nil, desk.ErrNotFound
}

func (a *API) doorGroupObject(g *doorGroup) *doorGroupObject {
	o := &doorGroupObject{ID: g.id, Name: g.name, Type: g.kind, Resources: []groupResource{}}
	for _, door := range g.doors {
		o.Resources = append(o.Resources, a.groupResource(door))
	}
	return o
}

func (a *API) groupResource(door *desk.Door) groupResource {
	return groupResource{a.ids.of(kindDoor, door.ID), door.Name, "door"}
}

// doorGroups answers GET /door_groups: all hubs. Locations are in the topology.
func (a *API) doorGroups(c *call) (any, error) {
	locations, err := a.desk.Places(c.r.Context(), c.actor)
	if err != nil {
		return nil, err
	}
	all := []*doorGroupObject{}
	for _, l := range locations {
		for _, h := range l.Hubs {
			all = append(all, a.doorGroupObject(a.hubGroup(h)))
		}
	}
	return all, nil
}

// doorGroup answers GET /door_groups/{id}, of a hub or a location.
func (a *API) doorGroup(c *call) (any, error) {
	locations, err := a.desk.Places(c.r.Context(), c.actor)
	if err != nil {
		return nil, err
	}
	g, err := a.doorGroupOf(locations, c.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return a.doorGroupObject(g), nil
}

// topology answers GET /door_groups/topology: all locations, hubs and doors.
func (a *API) topology(c *call) (any, error) {
	locations, err := a.desk.Places(c.r.Context(), c.actor)
	if err != nil {
		return nil, err
	}
	all := []*topologyObject{}
	for _, l := range locations {
		t := &topologyObject{ID: a.ids.of(kindLocation, l.ID), Name: l.Name, Type: "building", Floors: []topologyFloor{}}
		for _, h := range l.Hubs {
			floor := topologyFloor{ID: a.ids.of(kindHub, h.ID), Name: h.Name, Type: "floor", Doors: []topologyDoor{}}
			for _, door := range h.Doors {
				floor.Doors = append(floor.Doors, topologyDoor{a.groupResource(door), a.doorObject(door).Bound})
			}
			t.Floors = append(t.Floors, floor)
		}
		all = append(all, t)
	}
	return all, nil
}
