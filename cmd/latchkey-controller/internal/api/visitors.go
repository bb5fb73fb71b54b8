package api

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// A visitorObject is a visitor. A user and a visitor with the same id are the same person.
type visitorObject struct {
	ID        string        `json:"id"`
	First     string        `json:"first_name"`
	Last      string        `json:"last_name"`
	Status    int           `json:"status"`
	InviterID string        `json:"inviter_id"` // not kept
	Inviter   string        `json:"inviter_name"`
	Phone     string        `json:"mobile_phone"` // not kept, as what follows except Email
	Remarks   string        `json:"remarks"`
	Email     string        `json:"email"`
	Company   string        `json:"visitor_company"`
	Reason    string        `json:"visit_reason"`
	Start     int64         `json:"start_time"` // Unix seconds
	End       int64         `json:"end_time"`
	Resources []visitorDoor `json:"resources"`
	Schedule  *struct{}     `json:"schedule"`    // null: no visit recurs
	Hours     string        `json:"schedule_id"` // "": none
	Cards     []userCard    `json:"nfc_cards"`
	PIN       *visitorPIN   `json:"pin_code"` // null: none
	Plates    []struct{}    `json:"license_plates"`
}

// A visitorDoor is a door to which a visitor is invited.
type visitorDoor struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"` // door
}

// A visitorPIN is the PIN of a visitor.
type visitorPIN struct {
	Token  string `json:"token"`            // says nothing about the digits
	Digits string `json:"digits,omitempty"` // a mark for them, where they are shown
}

// The states of visitors, by their numbers. The document of the original shows words in its
// answers; its controllers send numbers, and clients read numbers.
const (
	visitUpcoming = iota + 1
	visitVisited
	visitVisiting
	visitCancelled
	visitNone
	visitActive
)

// statusOf returns the state of a visitor. Who was let in anywhere has visited.
func statusOf(u *desk.UserRow) int {
	switch {
	case u.Validity == desk.NotYetValid:
		return visitUpcoming
	case u.Validity == desk.Expired && !u.PIN && u.Cards == 0: // they were taken away with the end
		return visitCancelled
	case u.Validity == desk.Expired && u.Seen == nil:
		return visitNone
	case u.Validity == desk.Expired:
		return visitVisited
	case u.Seen != nil:
		return visitVisiting
	}
	return visitActive
}

// visitTimes says when visits in a state are.
var visitTimes = map[int]desk.VisitTime{
	visitUpcoming: "coming", visitVisited: "over", visitVisiting: "now", visitCancelled: "over", visitNone: "over", visitActive: "now",
}

// visitors answers GET /visitors: a page of visitors, those whose visit ends first, first.
func (a *API) visitors(c *call) (any, error) {
	p, err := c.pages()
	if err != nil {
		return nil, err
	}
	query := c.r.URL.Query()
	q, status := desk.VisitQuery{Search: query.Get("keyword"), Limit: p.Size}, 0
	if text := query.Get("status"); text != "" && q.Search == "" {
		if status, err = strconv.Atoi(text); err != nil || status < visitUpcoming || status > visitActive {
			return nil, badRequest("status must be 1 to %d", visitActive)
		}
		q.At = visitTimes[status]
	}
	q.Credentials = true
	var found []*desk.UserRow
	var credentials map[uint64][]desk.Credential
	switch status {
	case 0, visitUpcoming:
		q.Skip = (p.Number - 1) * p.Size
		page, err := a.desk.Visitors(c.r.Context(), c.actor, q)
		if err != nil {
			return nil, err
		}
		p.Total, found, credentials = page.Found, page.Visitors, page.Credentials
	default: // what has become of them tells the state, so all are looked at: no visit is long over
		q.Limit, credentials = maxPage, map[uint64][]desk.Credential{}
		for {
			page, err := a.desk.Visitors(c.r.Context(), c.actor, q)
			if err != nil {
				return nil, err
			}
			maps.Copy(credentials, page.Credentials)
			found = append(found, slices.DeleteFunc(page.Visitors, func(u *desk.UserRow) bool { return statusOf(u) != status })...)
			if q.After = page.Next; page.Next == "" {
				break
			}
		}
		found = cut(p, found)
	}
	all := []*visitorObject{}
	for _, u := range found {
		all = append(all, a.visitorObject(c, u, credentials[u.ID]))
	}
	return all, nil
}

// visitor answers GET /visitors/{id}.
func (a *API) visitor(c *call) (any, error) {
	u, err := a.visitorOf(c)
	if err != nil {
		return nil, err
	}
	return a.visitorObject(c, &u.UserRow, u.Credentials), nil
}

// visitorOf returns the visitor that the path names. Who is one stays one.
func (a *API) visitorOf(c *call) (*desk.User, error) {
	id, err := a.id(c, "id", kindUser)
	if err != nil {
		return nil, err
	}
	u, err := a.desk.User(c.r.Context(), c.actor, uint64(id))
	if err == nil && u.Visit == nil {
		err = desk.ErrNotFound
	}
	return u, err
}

// visitorObject returns a visitor with what the query wants of them.
func (a *API) visitorObject(c *call, u *desk.UserRow, credentials []desk.Credential) *visitorObject {
	o := &visitorObject{
		ID: a.ids.of(kindUser, int64(u.ID)), First: u.First, Last: u.Last, Status: statusOf(u), Inviter: u.Visit.By, Email: u.Email,
		Start: u.Visit.Invited.Unix(), End: u.Until.Unix(), Resources: []visitorDoor{}, Cards: []userCard{}, Plates: []struct{}{},
	}
	if !u.From.IsZero() {
		o.Start = u.From.Unix()
	}
	all := len(c.values("expand")) == 0
	with := func(what string) bool { return all || c.expands(what) }
	if with("resource") {
		for _, door := range u.Visit.Doors {
			o.Resources = append(o.Resources, visitorDoor{a.ids.of(kindDoor, door.ID), door.Name, "door"})
		}
	}
	for _, has := range credentials {
		switch card := has.Kind == wire.Card.String(); {
		case card && with("nfc_card"):
			o.Cards = append(o.Cards, userCard{lastFour(has.UID), a.ids.token(has.ID), cardType})
		case !card && with("pin_code"):
			o.PIN = &visitorPIN{Token: a.ids.token(has.ID)}
		}
	}
	return o
}

// A visitorRequest is a visitor who is to be invited, or what is to be changed of one.
type visitorRequest struct {
	First     *string `json:"first_name"`
	Last      *string `json:"last_name"`
	Email     *string `json:"email"`
	Start     *int64  `json:"start_time"` // Unix seconds
	End       *int64  `json:"end_time"`
	Resources *[]struct {
		ID   string `json:"id"`
		Type string `json:"type"` // door, door_group
	} `json:"resources"`
	Week map[string][]spanObject `json:"week_schedule"`
}

// editVisit returns the edit of a visit that a request wants.
func (a *API) editVisit(c *call, body *visitorRequest) (func(*desk.VisitForm), error) {
	if len(body.Week) > 0 {
		return nil, refuse(http.StatusBadRequest, codeUnsupported, "Visits do not recur here: leave out week_schedule, and invite for each visit")
	}
	from, err := visitTime("start_time", body.Start)
	if err != nil {
		return nil, err
	}
	until, err := visitTime("end_time", body.End)
	if err != nil {
		return nil, err
	}
	doors := []int64{}
	if body.Resources != nil {
		if len(*body.Resources) > maxPage {
			return nil, badRequest("resources has %d entries: at most %d are possible", len(*body.Resources), maxPage)
		}
		var locations []*desk.Location
		for _, r := range *body.Resources {
			door, err := a.ids.parse(kindDoor, r.ID)
			if err == nil && (r.Type == "door" || r.Type == "") {
				doors = append(doors, door)
				continue
			}
			if locations == nil {
				if locations, err = a.desk.Places(c.r.Context(), c.actor); err != nil {
					return nil, err
				}
			}
			group, err := a.doorGroupOf(locations, r.ID)
			if errors.Is(err, desk.ErrNotFound) || r.Type != "door_group" {
				return nil, badRequest("There is no %.20q with the id %.40q: resources are doors and door groups", r.Type, r.ID)
			}
			for _, door := range group.doors {
				doors = append(doors, door.ID)
			}
		}
	}
	return func(form *desk.VisitForm) {
		set(&form.First, body.First)
		set(&form.Last, body.Last)
		set(&form.Email, body.Email)
		set(&form.From, from)
		set(&form.Until, until)
		if body.Resources != nil {
			form.Doors = doors
		}
	}, nil
}

// set sets a text if there is another.
func set(text *string, to *string) {
	if to != nil {
		*text = *to
	}
}

// visitTime returns Unix seconds as desk.ParseTime reads them; nil: none.
func visitTime(field string, seconds *int64) (*string, error) {
	if seconds == nil {
		return nil, nil
	}
	if *seconds < 1 || *seconds > wire.MaxTime {
		return nil, badRequest("%s must be Unix seconds, from 1 to %d", field, int64(wire.MaxTime))
	}
	text := time.Unix(*seconds, 0).UTC().Format(time.RFC3339)
	return &text, nil
}

// inviteVisitor answers POST /visitors. The answer is the only one that has the digits of the PIN.
func (a *API) inviteVisitor(c *call) (any, error) {
	var body visitorRequest
	if err := c.body(&body); err != nil {
		return nil, err
	}
	edit, err := a.editVisit(c, &body)
	if err != nil {
		return nil, err
	}
	form := desk.VisitForm{Zone: time.UTC}
	edit(&form)
	id, digits, err := a.desk.Invite(c.r.Context(), c.actor, form)
	if err != nil {
		return nil, err
	}
	defer clear(digits)
	u, err := a.desk.User(c.r.Context(), c.actor, id)
	if err != nil {
		return nil, err
	}
	o := a.visitorObject(c, &u.UserRow, u.Credentials)
	if o.PIN == nil { // the query does not want it, or somebody has taken it away
		return o, nil
	}
	o.PIN.Digits = newMark()
	return c.answerWith(o, o.PIN.Digits, digits)
}

// changeVisitor answers PUT /visitors/{id}.
func (a *API) changeVisitor(c *call) (any, error) {
	u, err := a.visitorOf(c)
	if err != nil {
		return nil, err
	}
	var body visitorRequest
	if err := c.body(&body); err != nil {
		return nil, err
	}
	edit, err := a.editVisit(c, &body)
	if err != nil {
		return nil, err
	}
	if err := a.desk.EditVisit(c.r.Context(), c.actor, u.ID, edit); err != nil {
		return nil, err
	}
	return a.visitor(c)
}

// cancelVisit answers DELETE /visitors/{id}: the visit is over, or with is_force=true the
// visitor is removed at once.
func (a *API) cancelVisit(c *call) (any, error) {
	u, err := a.visitorOf(c)
	if err != nil {
		return nil, err
	}
	force := false
	if text := c.r.URL.Query().Get("is_force"); text != "" {
		if force, err = strconv.ParseBool(text); err != nil {
			return nil, badRequest("is_force must be true or false")
		}
	}
	if force {
		return nil, a.desk.RemoveUser(c.r.Context(), c.actor, u.ID)
	}
	if u.Validity == desk.Expired { // it is as the program wants it
		return nil, nil
	}
	return nil, a.desk.EndInvitation(c.r.Context(), c.actor, u.ID)
}
