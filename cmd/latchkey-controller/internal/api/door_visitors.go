package api

import "latchkey/cmd/latchkey-controller/internal/desk"

// A doorVisitorsObject says whether visitors may be invited to a door.
type doorVisitorsObject struct {
	Invited *bool `json:"invited"`
}

// doorVisitors answers GET /doors/{id}/visitors, for a door that has a reader.
func (a *API) doorVisitors(c *call) (any, error) {
	id, err := a.id(c, "id", kindDoor)
	if err != nil {
		return nil, err
	}
	doors, err := a.desk.VisitDoors(c.r.Context(), c.actor)
	if err != nil {
		return nil, err
	}
	for _, d := range doors {
		if d.ID == id {
			return &doorVisitorsObject{&d.Takes}, nil
		}
	}
	return nil, desk.ErrNotFound
}

// setDoorVisitors answers PUT /doors/{id}/visitors. It needs no If-Match: there is nothing
// beside the one switch that it could overwrite.
func (a *API) setDoorVisitors(c *call) (any, error) {
	id, err := a.id(c, "id", kindDoor)
	if err != nil {
		return nil, err
	}
	var given doorVisitorsObject
	if err := c.body(&given); err != nil {
		return nil, err
	}
	if given.Invited == nil {
		return nil, badRequest("Send invited: true or false")
	}
	if err := a.desk.TakeVisitors(c.r.Context(), c.actor, id, *given.Invited); err != nil {
		return nil, err
	}
	return &given, nil
}
