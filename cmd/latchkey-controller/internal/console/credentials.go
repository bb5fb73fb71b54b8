package console

import (
	"errors"
	"net/http"
	"strconv"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func (c *Console) credentialRoutes(user userRoute) {
	user("POST /users/{id}/pin", c.setPIN)
	user("POST /users/{id}/pin/remove", c.removePIN)
	user("POST /users/{id}/cards", c.addCard)
	user("POST /users/{id}/cards/{credential}/remove", c.removeCard)
	user("POST /users/{id}/enrol", c.enrol)
	user("POST /users/{id}/enrol/{enrolment}", c.confirmCard)
	user("POST /users/{id}/enrol/{enrolment}/drop", c.dropCard)
	for pattern, what := range map[string]string{"POST /users/{id}/pin": "pin", "POST /users/{id}/cards": "card"} {
		c.restorable(pattern, func(w http.ResponseWriter, r *http.Request, v *visit, f *form) error {
			id, err := userID(r)
			if err != nil {
				return err
			}
			return c.adding(w, r, v, http.StatusOK, id, f, what)
		})
	}
}

// showCredentials shows a user's credentials, with the form in progress.
func (c *Console) showCredentials(w http.ResponseWriter, r *http.Request, v *visit, status int, id uint64, f *form, with func(*userPanel) error) error {
	panel, err := c.userPanel(r, v, id, "credentials")
	if err != nil {
		return err
	}
	if err := with(panel); err != nil {
		return err
	}
	return c.showUsers(w, r, v, status, &usersPage{userPanel: panel, Form: f})
}

// adding shows a form for a credential again.
func (c *Console) adding(w http.ResponseWriter, r *http.Request, v *visit, status int, id uint64, f *form, what string) error {
	return c.showCredentials(w, r, v, status, id, f, func(p *userPanel) error {
		p.Add = what
		if what == "enrol" {
			return c.enrolReaders(r, v, p)
		}
		return nil
	})
}

// showPIN shows a generated PIN, once. The digits go into the page's bytes only,
// never into a string.
func (c *Console) showPIN(w http.ResponseWriter, r *http.Request, v *visit, id uint64, digits []byte) error {
	spaced := make([]byte, 0, len(digits)+1)
	spaced = append(spaced, digits[:len(digits)/2]...)
	spaced = append(spaced, ' ')
	spaced = append(spaced, digits[len(digits)/2:]...)
	defer clear(spaced)
	return c.showCredentials(&secretWriter{ResponseWriter: w, marker: c.marker, secrets: [][]byte{digits, spaced}}, r, v, http.StatusOK, id, newForm("pin", "auto"), func(p *userPanel) (err error) {
		p.Shown = true
		p.Rollout, err = c.desk.Rollout(r.Context(), v.Actor)
		return err
	})
}

func (c *Console) setPIN(w http.ResponseWriter, r *http.Request, v *visit, id uint64) error {
	f, err := c.formOf(r, v, "digits")
	if err != nil {
		return err
	}
	defer f.wipe()
	choice := pinChoice(f)
	if choice.Choice == desk.NoPIN {
		f.Wrong["pin"] = "Choose a PIN or have one generated."
		return c.adding(w, r, v, http.StatusUnprocessableEntity, id, f, "pin")
	}
	return c.once(w, r, v, f, func() (answer, error) {
		digits, err := c.desk.SetPIN(r.Context(), v.Actor, id, choice)
		defer clear(digits)
		if f.refused(err) {
			return nil, c.adding(w, r, v, http.StatusUnprocessableEntity, id, f, "pin")
		}
		if err != nil {
			return nil, err
		}
		again := c.alreadyDone(userURL(id, "credentials"))
		if len(digits) > 0 {
			return again, c.showPIN(w, r, v, id, digits)
		}
		c.redirect(w, r, userURL(id, "credentials"), "The PIN was set. Readers are being updated.")
		return again, nil
	})
}

func (c *Console) removePIN(w http.ResponseWriter, r *http.Request, v *visit, id uint64) error {
	err := c.desk.RemovePIN(r.Context(), v.Actor, id)
	if errors.Is(err, desk.ErrNotFound) {
		c.redirect(w, r, userURL(id, "credentials"), "The PIN was already removed.")
		return nil
	}
	if err != nil {
		return err
	}
	c.redirect(w, r, userURL(id, "credentials"), "The PIN was removed. Readers are being updated.")
	return nil
}

func (c *Console) addCard(w http.ResponseWriter, r *http.Request, v *visit, id uint64) error {
	f, err := c.formOf(r, v)
	if err != nil {
		return err
	}
	return c.once(w, r, v, f, func() (answer, error) {
		err := c.desk.AddCard(r.Context(), v.Actor, id, f.Trim("card"))
		if f.refused(err) {
			return nil, c.adding(w, r, v, http.StatusUnprocessableEntity, id, f, "card")
		}
		if err != nil {
			return nil, err
		}
		c.redirect(w, r, userURL(id, "credentials"), "The card was added. Readers are being updated.")
		return c.alreadyDone(userURL(id, "credentials")), nil
	})
}

func (c *Console) removeCard(w http.ResponseWriter, r *http.Request, v *visit, id uint64) error {
	credential, err := strconv.ParseUint(r.PathValue("credential"), 10, 63)
	if err != nil {
		return desk.ErrNotFound
	}
	err = c.desk.RemoveCard(r.Context(), v.Actor, id, credential)
	if errors.Is(err, desk.ErrNotFound) {
		c.redirect(w, r, userURL(id, "credentials"), "This card was already removed.")
		return nil
	}
	if err != nil {
		return err
	}
	c.redirect(w, r, userURL(id, "credentials"), "The card was removed. Readers are being updated.")
	return nil
}

// enrol has a reader read a card. It answers when a card was read, or the reader's
// time for that is over.
func (c *Console) enrol(w http.ResponseWriter, r *http.Request, v *visit, id uint64) error {
	f, err := c.formOf(r, v)
	if err != nil {
		return err
	}
	enrolment, err := c.desk.Enrol(r.Context(), v.Actor, id, f.Get("reader"))
	if f.refused(err) {
		return c.adding(w, r, v, http.StatusUnprocessableEntity, id, f, "enrol")
	}
	if err != nil {
		return err
	}
	return c.showCredentials(w, r, v, http.StatusOK, id, newForm(), func(p *userPanel) error {
		p.Add, p.Enrolment = "confirm", enrolment
		return nil
	})
}

func (c *Console) confirmCard(w http.ResponseWriter, r *http.Request, v *visit, id uint64) error {
	f, err := c.formOf(r, v)
	if err != nil {
		return err
	}
	enrolment := r.PathValue("enrolment")
	return c.once(w, r, v, f, func() (answer, error) {
		err := c.desk.ConfirmCard(r.Context(), v.Actor, enrolment, f.Trim("last-four"))
		if f.refused(err) {
			return nil, c.showCredentials(w, r, v, http.StatusUnprocessableEntity, id, f, func(p *userPanel) error {
				p.Add, p.Enrolment = "confirm", &desk.Enrolment{ID: enrolment, User: id, LastFour: f.Get("last-four")}
				return nil
			})
		}
		if err != nil {
			return nil, err
		}
		c.redirect(w, r, userURL(id, "credentials"), "The card was added. Readers are being updated.")
		return c.alreadyDone(userURL(id, "credentials")), nil
	})
}

func (c *Console) dropCard(w http.ResponseWriter, r *http.Request, v *visit, id uint64) error {
	if err := c.desk.DropCard(r.Context(), v.Actor, r.PathValue("enrolment")); err != nil {
		return err
	}
	c.redirect(w, r, userURL(id, "credentials"), "")
	return nil
}
