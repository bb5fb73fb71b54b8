package console

import (
	"html/template"
	"net/http"
	"slices"
	"strconv"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// showCredentials shows the credentials of the user in the URL, in a panel that the function with
// may change.
func (c *Console) showCredentials(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form, with func(*userPanel) error) error {
	panel, err := c.userPanel(r, v, uint64(v.id), "credentials")
	if err != nil {
		return err
	}
	if err := with(panel); err != nil {
		return err
	}
	return c.showUsers(w, r, v, status, &usersPage{userPanel: panel, Form: f})
}

// showAdding returns the page with the form for a "pin", a "duress-pin", a "card", to
// "enrol" one, or for a "new" card.
func (c *Console) showAdding(what string) formPage {
	return func(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
		return c.showCredentials(w, r, v, status, f, func(p *userPanel) (err error) {
			if p.Add = what; p.needsReader() {
				p.Readers, err = c.onlineReaders(r, v)
			}
			return err
		})
	}
}

// showPIN shows a generated PIN of a user, a "pin" or a "duress-pin", once, and wipes it.
// The digits go into the page's bytes only, never into a string.
func (c *Console) showPIN(id uint64, what string, digits []byte) handler {
	return func(w http.ResponseWriter, r *http.Request, v *visit) error {
		defer clear(digits)
		spaced := slices.Concat(digits[:len(digits)/2], []byte(" "), digits[len(digits)/2:])
		defer clear(spaced)
		v.id = int64(id)
		return c.showCredentials(&secretWriter{ResponseWriter: w, marker: c.marker, secrets: [][]byte{digits, spaced}}, r, v, http.StatusOK, newForm("pin", "auto"), func(p *userPanel) error {
			p.Shown = what
			return c.readRollout(r, v, p)
		})
	}
}

// pinGiven answers that a user has a "pin" or a "duress-pin", which is shown if it was
// generated.
func (c *Console) pinGiven(id uint64, what string, digits []byte, notice *language.Sentence) answer {
	a := answer{to: userURL(id, "credentials"), notice: notice}
	if len(digits) > 0 {
		a.show = c.showPIN(id, what, digits)
	}
	return a
}

// newPINChoice reads how a PIN is chosen that is to be set.
func newPINChoice(f *form) (choice desk.PIN, err error) {
	choice = pinChoice(f)
	switch {
	case choice.Choice == desk.NoPIN:
		err = f.wrong("pin", "Choose a PIN or have one generated.")
	case len(f.Wrong) > 0:
		err = errWrong
	}
	return choice, err
}

func (c *Console) setPIN(r *http.Request, v *visit, f *form) (answer, error) {
	choice, err := newPINChoice(f)
	if err != nil {
		return answer{}, err
	}
	digits, err := c.desk.SetPIN(r.Context(), v.Actor, uint64(v.id), choice)
	return c.pinGiven(uint64(v.id), "pin", digits, language.Say("The PIN was set. Readers are being updated.")), err
}

func (c *Console) removePIN(r *http.Request, v *visit, _ *form) (answer, error) {
	err := c.desk.RemovePIN(r.Context(), v.Actor, uint64(v.id))
	return removed(err, userURL(uint64(v.id), "credentials"), language.Say("The PIN was removed. Readers are being updated."), language.Say("The PIN was already removed."))
}

func cardAdded(v *visit) answer {
	return answer{to: userURL(uint64(v.id), "credentials"), notice: language.Say("The card was added. Readers are being updated.")}
}

func (c *Console) addCard(r *http.Request, v *visit, f *form) (answer, error) {
	return cardAdded(v), c.desk.AddCard(r.Context(), v.Actor, uint64(v.id), f.Trim("card"))
}

// mono puts a number of a card into a sentence, with digits of one width.
func mono(number string) template.HTML {
	return template.HTML(`<b class="mono nowrap">` + template.HTMLEscapeString(number) + "</b>")
}

// credentialOf returns the credential in a request's URL.
func credentialOf(r *http.Request) (uint64, error) {
	id, err := strconv.ParseUint(r.PathValue("credential"), 10, 63)
	if err != nil {
		return 0, desk.ErrNotFound
	}
	return id, nil
}

func (c *Console) removeCard(r *http.Request, v *visit, _ *form) (answer, error) {
	credential, err := credentialOf(r)
	if err != nil {
		return answer{}, err
	}
	err = c.desk.RemoveCard(r.Context(), v.Actor, uint64(v.id), credential)
	return removed(err, userURL(uint64(v.id), "credentials"), language.Say("The card was removed. Readers are being updated."), language.Say("This card was already removed."))
}

// enrol asks a reader to read a card. It returns when a card was read, or the reader's
// time limit has passed.
func (c *Console) enrol(r *http.Request, v *visit, f *form) (answer, error) {
	enrolment, err := c.desk.Enrol(r.Context(), v.Actor, uint64(v.id), f.Get("reader"))
	return c.askCard(enrolment), err
}

// askCard answers with the question whether a card is the right one.
func (c *Console) askCard(enrolment *desk.Enrolment) answer {
	return answer{show: func(w http.ResponseWriter, r *http.Request, v *visit) error {
		return c.showEnrolled(w, r, v, http.StatusOK, newForm(), enrolment)
	}}
}

// showEnrolled asks whether a card that was read is the right one.
func (c *Console) showEnrolled(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form, enrolment *desk.Enrolment) error {
	return c.showCredentials(w, r, v, status, f, func(p *userPanel) error {
		p.Add, p.Enrolment = "confirm", enrolment
		return nil
	})
}

func (c *Console) showEnrolment(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	return c.showEnrolled(w, r, v, status, f, &desk.Enrolment{ID: r.PathValue("enrolment"), LastFour: f.Get("last-four"), Keyed: f.Get("keyed") != ""})
}

func (c *Console) confirmCard(r *http.Request, v *visit, f *form) (answer, error) {
	card, err := c.desk.ConfirmCard(r.Context(), v.Actor, r.PathValue("enrolment"), f.Trim("last-four"))
	if card != nil {
		return c.showWritten(v, "new", card), err
	}
	return cardAdded(v), err
}

func (c *Console) dropCard(r *http.Request, v *visit, _ *form) (answer, error) {
	notice := language.Say("The card was not added, and opens nothing. Start again with the right one.")
	return answer{to: userURL(uint64(v.id), "credentials"), notice: notice}, c.desk.DropCard(r.Context(), v.Actor, r.PathValue("enrolment"))
}
