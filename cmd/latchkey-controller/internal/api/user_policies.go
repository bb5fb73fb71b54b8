package api

import (
	"errors"
	"net/http"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// groupPolicies are the access policies of the groups in an answer: each group is one.
type groupPolicies struct {
	ids   map[string]string        // by the group's name
	whole map[string]*policyObject // nil: they were not asked for
}

// groupPolicies returns the access policies of all groups; whole: not only their ids.
func (a *API) groupPolicies(c *call, whole bool) (*groupPolicies, error) {
	g := &groupPolicies{ids: map[string]string{}}
	if !whole {
		numbers, err := a.desk.GroupNumbers(c.r.Context(), c.actor)
		for name, number := range numbers {
			g.ids[name] = a.ids.of(kindGroup, number)
		}
		return g, err
	}
	g.whole = map[string]*policyObject{}
	policies, err := a.desk.AccessPolicies(c.r.Context(), c.actor)
	for _, p := range policies {
		g.whole[p.Name] = a.policyObject(p)
		g.ids[p.Name] = g.whole[p.Name].ID
	}
	return g, err
}

// of returns the ids of the policies of somebody in some groups, and these if they were asked
// for. Everybody is in everyone.
func (g *groupPolicies) of(groups []string) (ids []string, whole []*policyObject) {
	ids = []string{}
	for _, group := range append([]string{wire.Everyone}, groups...) {
		if g.ids[group] == "" {
			continue // a group that has begun between two looks
		}
		ids = append(ids, g.ids[group])
		if g.whole != nil {
			whole = append(whole, g.whole[group])
		}
	}
	return ids, whole
}

// policiesOfUser answers GET /users/{id}/access_policies.
func (a *API) policiesOfUser(c *call) (any, error) {
	u, err := a.userOf(c)
	if err != nil {
		return nil, err
	}
	groups, err := a.groupPolicies(c, true)
	if err != nil {
		return nil, err
	}
	_, all := groups.of(u.Groups)
	return all, nil
}

// setPoliciesOfUser answers PUT /users/{id}/access_policies.
func (a *API) setPoliciesOfUser(c *call) (any, error) {
	var body struct {
		IDs []*string `json:"access_policy_ids"` // clients send null among them
	}
	if err := c.body(&body); err != nil {
		return nil, err
	}
	if body.IDs == nil {
		return nil, badRequest("Send access_policy_ids, a list of ids")
	}
	if len(body.IDs) > maxIDs {
		return nil, badRequest("%d access policies are too many: send at most %d", len(body.IDs), maxIDs)
	}
	u, err := a.userOf(c)
	if err != nil {
		return nil, err
	}
	var numbers []int64
	for _, id := range body.IDs {
		if id == nil {
			continue
		}
		number, err := a.ids.parse(kindGroup, *id)
		if err != nil {
			return nil, noPolicy()
		}
		numbers = append(numbers, number)
	}
	err = a.desk.SetUserGroups(c.r.Context(), c.actor, u.ID, numbers)
	if errors.Is(err, desk.ErrNoGroup) {
		return nil, noPolicy()
	}
	return nil, err
}

func noPolicy() error {
	return refuse(http.StatusNotFound, codeNotExists, "One of the access policies was removed, or never was here")
}
