package api

import (
	"errors"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// setVisitorsPIN answers PUT /visitors/{id}/pin_codes with a PIN that the program has drawn
// (POST /credentials/pin_codes): desk takes no other of a visitor.
func (a *API) setVisitorsPIN(c *call) (any, error) {
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
	u, err := a.visitorOf(c)
	if err != nil {
		return nil, err
	}
	_, err = a.desk.SetPIN(c.r.Context(), c.actor, u.ID, desk.PIN{Choice: desk.Chosen, Digits: body.PIN})
	return nil, err
}

// removeVisitorsPIN answers DELETE /visitors/{id}/pin_codes, also if there is none.
func (a *API) removeVisitorsPIN(c *call) (any, error) {
	u, err := a.visitorOf(c)
	if err != nil {
		return nil, err
	}
	err = a.desk.RemovePIN(c.r.Context(), c.actor, u.ID)
	if errors.Is(err, desk.ErrNotFound) {
		err = nil
	}
	return nil, err
}

// giveVisitorCard answers PUT /visitors/{id}/nfc_cards.
func (a *API) giveVisitorCard(c *call) (any, error) {
	credential, body, err := a.cardIn(c)
	if err != nil {
		return nil, err
	}
	u, err := a.visitorOf(c)
	if err != nil {
		return nil, err
	}
	return nil, a.desk.GiveCard(c.r.Context(), c.actor, u.ID, credential, body.Force != nil && *body.Force)
}

// removeVisitorCard answers PUT /visitors/{id}/nfc_cards/delete.
func (a *API) removeVisitorCard(c *call) (any, error) {
	credential, _, err := a.cardIn(c)
	if err != nil {
		return nil, err
	}
	u, err := a.visitorOf(c)
	if err != nil {
		return nil, err
	}
	err = a.desk.RemoveCard(c.r.Context(), c.actor, u.ID, credential)
	if errors.Is(err, desk.ErrNotFound) {
		err = desk.ErrNoCard
	}
	return nil, err
}
