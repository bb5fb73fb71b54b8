package api

import (
	"net/http"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// A policyObject is what a group opens.
type policyObject struct {
	ID        string           `json:"id"` // of the group
	Name      string           `json:"name"`
	Resources []resourceObject `json:"resources"`
	Schedule  string           `json:"schedule_id"` // the one of all doors; "": they have none, or not the same
}

// A resourceObject is a door of a policy.
type resourceObject struct {
	ID   string `json:"id"`
	Type string `json:"type"` // door
}

const codeNoSchedule = "CODE_ACCESS_POLICY_SCHEDULE_NOT_FOUND"

func (a *API) policyObject(p *desk.AccessPolicy) *policyObject {
	o := &policyObject{ID: a.ids.of(kindGroup, p.Number), Name: p.Name, Resources: []resourceObject{}}
	for _, door := range p.Doors {
		o.Resources = append(o.Resources, resourceObject{a.ids.of(kindDoor, door), "door"})
	}
	switch {
	case p.Always:
		o.Schedule = a.ids.of(kindSchedule, alwaysOpen)
	case p.Schedule != 0:
		o.Schedule = a.ids.of(kindSchedule, p.Schedule)
	}
	return o
}

// policies answers GET /access_policies: what each group opens.
func (a *API) policies(c *call) (any, error) {
	page, err := c.pages()
	if err != nil {
		return nil, err
	}
	policies, err := a.desk.AccessPolicies(c.r.Context(), c.actor)
	if err != nil {
		return nil, err
	}
	all := []*policyObject{}
	for _, p := range cut(page, policies) {
		all = append(all, a.policyObject(p))
	}
	return all, nil
}

// policy answers GET /access_policies/{id}.
func (a *API) policy(c *call) (any, error) {
	group, err := a.id(c, "id", kindGroup)
	if err != nil {
		return nil, err
	}
	p, err := a.desk.AccessPolicy(c.r.Context(), c.actor, group)
	if err != nil {
		return nil, err
	}
	return a.policyObject(p), nil
}

// addPolicy answers POST /access_policies: it makes a group.
func (a *API) addPolicy(c *call) (any, error) { return a.setPolicy(c, 0) }

// changePolicy answers PUT /access_policies/{id}. What is not sent stays.
func (a *API) changePolicy(c *call) (any, error) {
	group, err := a.id(c, "id", kindGroup)
	if err != nil {
		return nil, err
	}
	return a.setPolicy(c, group)
}

// setPolicy sets what a group opens; 0: a new one.
func (a *API) setPolicy(c *call, group int64) (any, error) {
	var body struct {
		Name      string           `json:"name"`
		Schedule  string           `json:"schedule_id"`
		Resource  []resourceObject `json:"resource"`  // as the text of the original has it
		Resources []resourceObject `json:"resources"` // as its tables have it
	}
	if err := c.body(&body); err != nil {
		return nil, err
	}
	form := desk.AccessPolicyForm{Name: body.Name}
	if body.Schedule != "" { // "" is what a policy has that is of no schedule: its hours stay
		id, err := a.ids.parse(kindSchedule, body.Schedule)
		if err != nil {
			return nil, refuse(http.StatusNotFound, codeNoSchedule, "There is no schedule with this schedule_id; ask for the schedules anew")
		}
		if form.Always = id == alwaysOpen; !form.Always {
			form.Schedule = id
		}
	}
	resources := body.Resource
	if resources == nil {
		resources = body.Resources
	}
	if resources != nil {
		form.Doors = []int64{}
	}
	for _, r := range resources {
		if r.Type != "door" {
			return nil, badRequest("A policy here names doors, and no groups of them: send each with the type door")
		}
		id, err := a.ids.parse(kindDoor, r.ID)
		if err != nil {
			return nil, refuse(http.StatusNotFound, codeNoResource, "There is no door with an id in resource; ask for the doors anew")
		}
		form.Doors = append(form.Doors, id)
	}
	p, err := a.desk.SetAccessPolicy(c.r.Context(), c.actor, group, form)
	if desk.Fields(err)["schedule"] != nil { // it was removed
		return nil, refuse(http.StatusNotFound, codeNoSchedule, desk.Sentence(err.Error()))
	}
	if err != nil {
		return nil, err
	}
	return a.policyObject(p), nil
}

// removePolicy answers DELETE /access_policies/{id}: it removes the group.
func (a *API) removePolicy(c *call) (any, error) {
	id, err := a.id(c, "id", kindGroup)
	if err != nil {
		return nil, err
	}
	g, err := a.desk.GroupNumbered(c.r.Context(), c.actor, id)
	if err != nil {
		return nil, err
	}
	if err := a.desk.RemoveGroup(c.r.Context(), c.actor, g.Name, g.Revision()); err != nil {
		return nil, err
	}
	return "success", nil
}
