package api

import (
	"net/http"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// A cardObject is a card with whose it is.
type cardObject struct {
	Token    string    `json:"token"`
	ID       string    `json:"display_id"` // the last four digits of its number
	Note     string    `json:"note"`       // ""
	Alias    string    `json:"alias"`      // ""
	Type     string    `json:"card_type"`
	Status   string    `json:"status"` // assigned; disable: its user is suspended
	UserID   string    `json:"user_id"`
	UserType string    `json:"user_type"` // USER, VISITOR
	User     cardOwner `json:"user"`
}

type cardOwner struct {
	ID     string `json:"id"`
	First  string `json:"first_name"`
	Last   string `json:"last_name"`
	Name   string `json:"name"`
	Avatar string `json:"avatar"` // ""
}

func (a *API) cardObject(card *desk.OwnedCard) *cardObject {
	owner := a.ids.of(kindUser, int64(card.User.ID))
	o := &cardObject{
		Token: a.ids.token(card.ID), ID: lastFour(card.UID), Type: cardType, Status: "assigned",
		UserID: owner, UserType: "USER", User: cardOwner{ID: owner, First: card.User.First, Last: card.User.Last, Name: card.User.Name},
	}
	if card.User.Suspended {
		o.Status = "disable"
	}
	if card.Visitor {
		o.UserType = "VISITOR"
	}
	return o
}

// cards answers GET /credentials/nfc_cards/tokens: a page of all cards.
func (a *API) cards(c *call) (any, error) {
	page, err := c.pages()
	if err != nil {
		return nil, err
	}
	cards, found, err := a.desk.NumberedCards(c.r.Context(), c.actor, (page.Number-1)*page.Size, page.Size)
	if err != nil {
		return nil, err
	}
	page.Total = found
	all := []*cardObject{}
	for _, card := range cards {
		all = append(all, a.cardObject(card))
	}
	return all, nil
}

// cardOf returns the card whose token is in the path.
func (a *API) cardOf(c *call) (*desk.OwnedCard, error) {
	credential, err := a.ids.parseToken(c.r.PathValue("token"))
	if err != nil {
		return nil, err
	}
	return a.desk.Card(c.r.Context(), c.actor, credential)
}

// card answers GET /credentials/nfc_cards/tokens/{token}.
func (a *API) card(c *call) (any, error) {
	card, err := a.cardOf(c)
	if err != nil {
		return nil, err
	}
	return a.cardObject(card), nil
}

// takeCard answers DELETE /credentials/nfc_cards/tokens/{token}: the card is nobody's then.
func (a *API) takeCard(c *call) (any, error) {
	card, err := a.cardOf(c)
	if err != nil {
		return nil, err
	}
	return "success", a.desk.RemoveCard(c.r.Context(), c.actor, card.User.ID, card.ID)
}

// nameCard answers PUT /credentials/nfc_cards/tokens/{token}.
func (a *API) nameCard(c *call) (any, error) {
	if _, err := a.cardOf(c); err != nil {
		return nil, err
	}
	return nil, refuse(http.StatusBadRequest, codeUnsupported, "Cards have no alias here")
}

// importCards answers POST /credentials/nfc_cards/import.
func (a *API) importCards(c *call) (any, error) {
	if err := c.actor.Refusal(desk.AddCard); err != nil {
		return nil, err
	}
	return nil, refuse(http.StatusBadRequest, codeUnsupported, "Cards that are nobody's are not kept here: have a reader read a card, and give it to a user")
}

// drawPIN answers POST /credentials/pin_codes: a random PIN, which is nobody's until it is given
// to somebody. Whether it is somebody's already, it does not tell.
func (a *API) drawPIN(c *call) (any, error) {
	digits, err := a.desk.DrawPIN(c.r.Context(), c.actor)
	if err != nil {
		return nil, err
	}
	defer clear(digits)
	mark := newMark()
	return c.answerWith(mark, mark, digits)
}
