package api

import (
	"net/http"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// A userGroup is a group of users. The access policy with its id is what the group opens.
type userGroup struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	FullName string   `json:"full_name"` // the name
	UpID     string   `json:"up_id"`     // "": no group is in another
	UpIDs    []string `json:"up_ids"`
}

func (a *API) userGroupObject(g *desk.GroupRow) *userGroup {
	return &userGroup{ID: a.ids.of(kindGroup, g.Number), Name: g.Name, FullName: g.Name, UpIDs: []string{}}
}

// groupOf returns the group that the path names, which is none of visitors.
func (a *API) groupOf(c *call) (*desk.Group, error) {
	number, err := a.id(c, "id", kindGroup)
	if err != nil {
		return nil, err
	}
	return a.desk.GroupNumbered(c.r.Context(), c.actor, number)
}

// userGroups answers GET /user_groups: all groups by name, everyone first.
func (a *API) userGroups(c *call) (any, error) {
	all := []*userGroup{}
	for q := (desk.GroupQuery{Limit: maxPage}); ; {
		page, err := a.desk.ListGroups(c.r.Context(), c.actor, q)
		if err != nil {
			return nil, err
		}
		for _, g := range page.Groups {
			all = append(all, a.userGroupObject(g))
		}
		if q.After = page.Next; page.Next == "" {
			return all, nil
		}
	}
}

// userGroup answers GET /user_groups/{id}.
func (a *API) userGroup(c *call) (any, error) {
	g, err := a.groupOf(c)
	if err != nil {
		return nil, err
	}
	return a.userGroupObject(&g.GroupRow), nil
}

// groupName reads the name of a group from the body, nil: there is none.
func (c *call) groupName() (*string, error) {
	var body struct {
		Name *string `json:"name"`
		UpID string  `json:"up_id"`
	}
	if err := c.body(&body); err != nil {
		return nil, err
	}
	if body.UpID != "" {
		return nil, refuse(http.StatusBadRequest, codeUnsupported, "No group is in another here: leave out up_id")
	}
	return body.Name, nil
}

// addUserGroup answers POST /user_groups.
func (a *API) addUserGroup(c *call) (any, error) {
	name, err := c.groupName()
	if err != nil {
		return nil, err
	}
	if name == nil {
		return nil, badRequest("Send name, of lower-case letters, digits and hyphens")
	}
	number, err := a.desk.AddGroup(c.r.Context(), c.actor, *name)
	if err != nil {
		return nil, err
	}
	return a.userGroupObject(&desk.GroupRow{Name: desk.TidyName(*name), Number: number}), nil
}

// renameUserGroup answers PUT /user_groups/{id}.
func (a *API) renameUserGroup(c *call) (any, error) {
	name, err := c.groupName()
	if err != nil {
		return nil, err
	}
	g, err := a.groupOf(c)
	if err != nil || name == nil || *name == g.Name {
		return nil, err
	}
	return nil, a.desk.RenameGroup(c.r.Context(), c.actor, g.Name, g.Revision(), *name)
}

// removeUserGroup answers DELETE /user_groups/{id}.
func (a *API) removeUserGroup(c *call) (any, error) {
	g, err := a.groupOf(c)
	if err != nil {
		return nil, err
	}
	return nil, a.desk.RemoveGroup(c.r.Context(), c.actor, g.Name, g.Revision())
}

// groupUsers answers GET /user_groups/{id}/users and …/users/all: a page of its users by name.
func (a *API) groupUsers(c *call) (any, error) {
	g, err := a.groupOf(c)
	if err != nil {
		return nil, err
	}
	var of desk.NumberedUsers
	if !g.Everyone() {
		of.Group = g.Name
	}
	return a.listUsers(c, of)
}

// addToGroup answers POST /user_groups/{id}/users.
func (a *API) addToGroup(c *call) (any, error) {
	return a.moveUsers(c, func(number int64, users []uint64) error {
		return a.desk.EditMembersNumbered(c.r.Context(), c.actor, number, users, nil)
	})
}

// takeFromGroup answers POST /user_groups/{id}/users/delete.
func (a *API) takeFromGroup(c *call) (any, error) {
	return a.moveUsers(c, func(number int64, users []uint64) error {
		return a.desk.EditMembersNumbered(c.r.Context(), c.actor, number, nil, users)
	})
}

// moveUsers moves the users whose ids the body lists.
func (a *API) moveUsers(c *call, move func(number int64, users []uint64) error) (any, error) {
	number, err := a.id(c, "id", kindGroup)
	if err != nil {
		return nil, err
	}
	var ids []string
	if err := c.body(&ids); err != nil {
		return nil, err
	}
	if len(ids) > desk.MaxMembersEdit {
		return nil, badRequest("%d users at once are too many: send at most %d", len(ids), desk.MaxMembersEdit)
	}
	var users []uint64
	for _, text := range ids {
		id, err := a.ids.parse(kindUser, text)
		if err != nil {
			return nil, badRequest("There is no user %.40q", text)
		}
		users = append(users, uint64(id))
	}
	return nil, move(number, users)
}

// policiesOfGroup answers GET /user_groups/{id}/access_policies: what the group opens.
func (a *API) policiesOfGroup(c *call) (any, error) {
	number, err := a.id(c, "id", kindGroup)
	if err != nil {
		return nil, err
	}
	p, err := a.desk.AccessPolicy(c.r.Context(), c.actor, number)
	if err != nil {
		return nil, err
	}
	return []*policyObject{a.policyObject(p)}, nil
}

// setPoliciesOfGroup answers PUT /user_groups/{id}/access_policies. What a group opens is one
// policy, its own, so it takes nothing else; everyone's may be named beside it, as all have it.
func (a *API) setPoliciesOfGroup(c *call) (any, error) {
	g, err := a.groupOf(c)
	if err != nil {
		return nil, err
	}
	var body struct {
		IDs *[]*string `json:"access_policy_ids"`
	}
	if err := c.body(&body); err != nil {
		return nil, err
	}
	if body.IDs == nil {
		return nil, badRequest("Send access_policy_ids, a list of ids")
	}
	if err := c.actor.Refusal(desk.GiveAccess); err != nil {
		return nil, err
	}
	everyone, err := a.desk.Group(c.r.Context(), c.actor, wire.Everyone)
	if err != nil {
		return nil, err
	}
	named := false
	for _, id := range *body.IDs {
		switch {
		case id == nil || *id == a.ids.of(kindGroup, everyone.Number) && !g.Everyone():
		case *id == a.ids.of(kindGroup, g.Number):
			named = true
		default:
			return nil, refuse(http.StatusBadRequest, codeUnsupported, "A group has one access policy here, which has its id: change that, or add the users to the group of the other policy")
		}
	}
	if !named {
		return nil, refuse(http.StatusBadRequest, codeUnsupported, "A group cannot be without its access policy, which has its id: change the policy, or take the users from the group")
	}
	return nil, nil
}
