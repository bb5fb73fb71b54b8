package api

import (
	"bytes"
	"errors"
	"net/http"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// A userFields is what a program says of a user; nil fields stay as they are.
type userFields struct {
	First    *string `json:"first_name"`
	Last     *string `json:"last_name"`
	Email    *string `json:"user_email"`
	Employee *string `json:"employee_number"`
	Onboard  *int64  `json:"onboard_time"` // is not kept: it says when they were added
	Status   *string `json:"status"`
}

// edit writes what is said into a form, and says whether it is anything.
func (f *userFields) edit(form *desk.UserForm) (any bool) {
	for _, field := range []struct{ from, to *string }{{f.First, &form.First}, {f.Last, &form.Last}, {f.Email, &form.Email}, {f.Employee, &form.Employee}} {
		if field.from != nil {
			*field.to, any = *field.from, true
		}
	}
	return any
}

// addUser answers POST /users.
func (a *API) addUser(c *call) (any, error) {
	var fields userFields
	if err := c.body(&fields); err != nil {
		return nil, err
	}
	if fields.First == nil && fields.Last == nil {
		return nil, badRequest("Send first_name and last_name; one of them may be empty")
	}
	var form desk.UserForm
	fields.edit(&form)
	id, _, err := a.desk.AddUser(c.r.Context(), c.actor, form, desk.PIN{}, nil)
	if err != nil {
		return nil, err
	}
	return struct {
		ID    string `json:"id"`
		First string `json:"first_name"`
		Last  string `json:"last_name"`
		Email string `json:"user_email"`
	}{a.ids.of(kindUser, int64(id)), desk.TidyName(form.First), desk.TidyName(form.Last), desk.TidyName(form.Email)}, nil
}

// editUser answers PUT /users/{id}: what is not sent stays. It is one act: what is wrong
// leaves all as it is.
func (a *API) editUser(c *call) (any, error) {
	var fields userFields
	if err := c.body(&fields); err != nil {
		return nil, err
	}
	if s := fields.Status; s != nil && *s != userActive && *s != userSuspended {
		return nil, badRequest("status must be %s or %s", userActive, userSuspended)
	}
	u, err := a.userOf(c)
	if err != nil {
		return nil, err
	}
	ctx, edit := c.r.Context(), func(form *desk.UserForm) { fields.edit(form) }
	fieldsToo, suspend := fields.edit(new(desk.UserForm)), fields.Status != nil && *fields.Status == userSuspended
	switch {
	case fieldsToo && fields.Status != nil:
		return nil, a.desk.EditUserAndSuspend(ctx, c.actor, u.ID, suspend, edit)
	case fieldsToo:
		return nil, a.desk.EditUser(ctx, c.actor, u.ID, "", nil, edit)
	case fields.Status != nil && *fields.Status != userStatus(&u.UserRow):
		return nil, a.desk.SuspendUser(ctx, c.actor, u.ID, suspend)
	}
	return nil, nil
}

// removeUser answers DELETE /users/{id}, of a user who is suspended.
func (a *API) removeUser(c *call) (any, error) {
	u, err := a.userOf(c)
	if err != nil {
		return nil, err
	}
	return nil, a.desk.RemoveSuspendedUser(c.r.Context(), c.actor, u.ID)
}

// A pinDigits is a PIN in a body. Its bytes are its own, for wipe.
type pinDigits []byte

// UnmarshalJSON takes a string of eight digits, or null. It keeps no text, and says none.
func (p *pinDigits) UnmarshalJSON(b []byte) error {
	p.wipe()
	switch {
	case string(b) == "null":
		return nil
	case b[0] != '"':
		return badRequest("pin_code must be a string of eight digits")
	case len(b) != 8+2 || bytes.ContainsFunc(b[1:9], func(r rune) bool { return r < '0' || r > '9' }):
		return refuse(http.StatusBadRequest, codePINLength, "A PIN has eight digits")
	}
	*p = bytes.Clone(b[1:9])
	return nil
}

func (p *pinDigits) wipe() {
	clear(*p)
	*p = nil
}

// A person finds the one whom a request is about: userOf, visitorOf.
type person = func(*call) (*desk.User, error)

// setPIN answers PUT …/pin_codes. A PIN that is taken gets the answer of one that nobody may
// have. A visitor gets one that the program has drawn (POST /credentials/pin_codes): the desk
// takes no other of them.
func (a *API) setPIN(who person) handler {
	return func(c *call) (any, error) {
		if c.r.URL.RawQuery != "" {
			return nil, badRequest("Send the PIN in the body, and nothing in the address, which others may log")
		}
		var body struct {
			PIN pinDigits `json:"pin_code"`
		}
		defer body.PIN.wipe()
		if err := c.body(&body); err != nil {
			return nil, err
		}
		if body.PIN == nil {
			return nil, badRequest("Send pin_code, a string of eight digits")
		}
		u, err := who(c)
		if err != nil {
			return nil, err
		}
		_, err = a.desk.SetPIN(c.r.Context(), c.actor, u.ID, desk.PIN{Choice: desk.Chosen, Digits: body.PIN})
		return nil, err
	}
}

// removePIN answers DELETE …/pin_codes, also if there is none.
func (a *API) removePIN(who person) handler {
	return func(c *call) (any, error) {
		u, err := who(c)
		if err != nil {
			return nil, err
		}
		err = a.desk.RemovePIN(c.r.Context(), c.actor, u.ID)
		if errors.Is(err, desk.ErrNotFound) {
			err = nil
		}
		return nil, err
	}
}

// cardBody names a card by its token.
type cardBody struct {
	Token *string `json:"token"`
	Force *bool   `json:"force_add"` // also if it is somebody else's
}

// cardIn returns the credential of the card that the body names, and the body.
func (a *API) cardIn(c *call) (credential uint64, body cardBody, err error) {
	if err := c.body(&body); err != nil {
		return 0, body, err
	}
	if body.Token == nil {
		return 0, body, badRequest("Send token, which names a card")
	}
	credential, err = a.ids.parseToken(*body.Token)
	if err != nil {
		err = desk.ErrNoCard
	}
	return credential, body, err
}

// giveCard answers PUT …/nfc_cards.
func (a *API) giveCard(who person) handler {
	return func(c *call) (any, error) {
		credential, body, err := a.cardIn(c)
		if err != nil {
			return nil, err
		}
		u, err := who(c)
		if err != nil {
			return nil, err
		}
		return nil, a.desk.GiveCard(c.r.Context(), c.actor, u.ID, credential, body.Force != nil && *body.Force)
	}
}

// removeCard answers PUT …/nfc_cards/delete.
func (a *API) removeCard(who person) handler {
	return func(c *call) (any, error) {
		credential, _, err := a.cardIn(c)
		if err != nil {
			return nil, err
		}
		u, err := who(c)
		if err != nil {
			return nil, err
		}
		err = a.desk.RemoveCard(c.r.Context(), c.actor, u.ID, credential)
		if errors.Is(err, desk.ErrNotFound) {
			err = desk.ErrNoCard
		}
		return nil, err
	}
}

// invite answers POST /users/identity/invitations: there is no app to invite to, which it says
// of each user, so that a program that goes on sees it.
func (a *API) invite(c *call) (any, error) {
	var body []struct {
		ID    *string `json:"user_id"`
		Email *string `json:"email"`
	}
	if err := c.body(&body); err != nil {
		return nil, err
	}
	if len(body) == 0 || len(body) > maxIDs {
		return nil, badRequest("Send a list of 1 to %d users", maxIDs)
	}
	if err := c.actor.Refusal(desk.EditUser); err != nil {
		return nil, err
	}
	type failure struct {
		Code  string `json:"error_code"`
		Msg   string `json:"error_msg"`
		Email string `json:"user_email"`
		ID    string `json:"user_id"`
	}
	all := []failure{}
	for _, entry := range body {
		if entry.ID == nil {
			return nil, badRequest("Send user_id of each user")
		}
		f := failure{codeUnsupported, "There is no app here that users can be invited to", "", *entry.ID}
		if entry.Email != nil {
			f.Email = *entry.Email
		}
		all = append(all, f)
	}
	return all, nil
}
