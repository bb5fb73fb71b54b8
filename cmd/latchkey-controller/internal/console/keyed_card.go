package console

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// The forms here have a reader write keys to a card, and answer when it has: that takes
// up to 170 s. What was begun is finished even if the browser has gone.

func (c *Console) newCard(r *http.Request, v *visit, f *form) (answer, error) {
	card, err := c.desk.NewCard(context.WithoutCancel(r.Context()), v.Actor, uint64(v.id), f.Get("reader"))
	if card != nil && card.Enrolment != nil {
		return c.askCard(card.Enrolment), err
	}
	return c.showWritten(v, "new", card), err
}

func (c *Console) rekeyCard(r *http.Request, v *visit, f *form) (answer, error) {
	credential, err := credentialOf(r)
	if err != nil {
		return answer{}, err
	}
	card, err := c.desk.RekeyCard(context.WithoutCancel(r.Context()), v.Actor, uint64(v.id), credential, f.Get("reader"))
	return c.showWritten(v, "rekey", card), err
}

func (c *Console) returnCard(r *http.Request, v *visit, f *form) (answer, error) {
	credential, err := credentialOf(r)
	if err != nil {
		return answer{}, err
	}
	card, err := c.desk.ReturnCard(context.WithoutCancel(r.Context()), v.Actor, uint64(v.id), credential, f.Get("reader"))
	return c.showWritten(v, "return", card), err
}

// writtenCard is a card whose keys a reader has just changed.
type writtenCard struct {
	Act string // "new", "rekey" or "return"
	*desk.KeyedCard
}

// showWritten answers what was done to a card of a user.
func (c *Console) showWritten(v *visit, act string, card *desk.KeyedCard) answer {
	return answer{to: userURL(uint64(v.id), "credentials"), show: func(w http.ResponseWriter, r *http.Request, v *visit) error {
		return c.showCredentials(w, r, v, http.StatusOK, newForm("pin", "auto"), func(p *userPanel) error {
			p.Written = &writtenCard{act, card}
			return nil
		})
	}}
}

// showCardAct returns the page with the form that asks to "rekey" or to "return" the card in
// the URL. A card whose return was begun is its user's no more.
func (c *Console) showCardAct(act string) formPage {
	return func(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
		id, err := credentialOf(r)
		if err != nil {
			return err
		}
		panel, err := c.userPanel(r, v, uint64(v.id), "credentials")
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(panel.User.Credentials, func(c desk.Credential) bool { return c.ID == id }) {
			if act == "return" {
				return c.showReturn(w, r, v, status, f)
			}
			return c.showUsers(w, r, v, status, &usersPage{userPanel: panel, Form: f})
		}
		panel.Ask = fmt.Sprintf("%s-%d", act, id)
		if panel.Readers, err = c.onlineReaders(r, v); err != nil {
			return err
		}
		return c.showUsers(w, r, v, status, &usersPage{userPanel: panel, Form: f})
	}
}

// cardReturn is the panel in which a card of nobody is given back.
type cardReturn struct {
	Readers []*desk.Reader
	Written *writtenCard
}

func (c *Console) showReturn(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	if f == nil {
		f = newForm("reader", r.URL.Query().Get("reader"))
	}
	readers, err := c.onlineReaders(r, v)
	if err != nil {
		return err
	}
	return c.showUsers(w, r, v, status, &usersPage{Form: f, Return: &cardReturn{Readers: readers}})
}

// returnNobodysCard gives back a card that is nobody's and still has keys of the site.
func (c *Console) returnNobodysCard(r *http.Request, v *visit, f *form) (answer, error) {
	card, err := c.desk.ReturnCard(context.WithoutCancel(r.Context()), v.Actor, 0, 0, f.Get("reader"))
	return answer{to: "/users", show: func(w http.ResponseWriter, r *http.Request, v *visit) error {
		return c.showUsers(w, r, v, http.StatusOK, &usersPage{Return: &cardReturn{Written: &writtenCard{"return", card}}})
	}}, err
}
