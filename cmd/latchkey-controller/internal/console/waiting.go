package console

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// maxFreeDoors is how many doors a waiting reader's form offers.
const maxFreeDoors = 200

// waitingPage is about a board that has handed itself over by the network: whether it is to be adopted, and as
// what; and once it is, how far it has come.
type waitingPage struct {
	adoptChoices
	ID       int64
	Waiting  *desk.WaitingReader // nil: it waits no longer
	Reader   *desk.Reader        // that it became; before, that which the id in its config is of, or else which its board is now; nil: there is none
	Doors    []*desk.Door        // without a reader
	More     bool                // there are more of these
	Ask      string              // "refuse", "take-back"; "": nothing
	Other    bool                // the broker is a separate program
	Site     string              // as its screen says
	Key      string              // fingerprint of the controller's, as its screen says
	Replaces bool                // that reader has a board, this one or another, whose bundle is revoked then
}

// Connected says whether the reader works with what it was adopted with.
func (p *waitingPage) Connected() bool {
	return p.Reader != nil && p.Reader.Live.Online && !p.Waiting.Fetched.IsZero()
}

// KeptZone is the time zone that the door has already; "": it is a new one.
func (p *waitingPage) KeptZone() string {
	if p.Replaces {
		return p.Reader.Policy.TimeZone
	}
	return ""
}

// waitingURL is the page of a board that waits.
func waitingURL(id int64) string { return "/devices/waiting/" + strconv.FormatInt(id, 10) }

// waitingReaders returns the boards that wait, for those who may adopt them.
func (c *Console) waitingReaders(r *http.Request, v *visit) ([]*desk.WaitingReader, error) {
	if !v.May(string(desk.ViewWaiting)) {
		return nil, nil
	}
	return c.desk.WaitingReaders(r.Context(), v.Actor)
}

func (c *Console) waiting(w http.ResponseWriter, r *http.Request, v *visit) error {
	return c.showWaiting(r.URL.Query().Get("ask"))(w, r, v, http.StatusOK, nil)
}

// showWaiting shows a board that waits, or how far it has come; if it waits no longer, it says so.
func (c *Console) showWaiting(ask string) formPage {
	return func(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
		p := &waitingPage{ID: v.id, Ask: ask, Other: c.otherBroker(), Site: c.site, Key: c.fingerprint}
		err := c.readWaiting(r, v, p, f)
		title := language.Say("A new reader")
		switch {
		case errors.Is(err, desk.ErrNotFound):
			p.Waiting, status, title = nil, http.StatusNotFound, language.Say("No reader waits here")
		case err != nil:
			return err
		case p.Waiting.Adopted != "":
			title = language.Data(p.Waiting.Adopted)
		}
		c.show(w, r, status, "waiting", &view{visit: v, Title: title, Section: "devices", Page: p})
		return nil
	}
}

// readWaiting fills in the page, or returns ErrNotFound.
func (c *Console) readWaiting(r *http.Request, v *visit, p *waitingPage, f *form) (err error) {
	if p.Waiting, err = c.desk.WaitingReader(r.Context(), v.Actor, p.ID); err != nil {
		return err
	}
	if p.Waiting.Adopted == "" {
		return c.readAdoption(r, v, p, f)
	}
	p.Form = cmp.Or(f, newForm())
	p.Reader, err = c.desk.Reader(r.Context(), v.Actor, p.Waiting.Adopted)
	if err == nil && p.Reader.Removed != "" {
		return desk.ErrNotFound
	}
	return err
}

// readAdoption fills in the form of an adoption.
func (c *Console) readAdoption(r *http.Request, v *visit, p *waitingPage, f *form) (err error) {
	id := p.Waiting.Named
	if p.Waiting.Disputed {
		id = ""
	}
	if id = cmp.Or(id, p.Waiting.Reader); id != "" {
		if p.Reader, err = c.desk.Reader(r.Context(), v.Actor, id); err != nil && !errors.Is(err, desk.ErrNotFound) {
			return err
		}
	}
	p.Replaces = p.Reader != nil && p.Reader.Removed == ""
	isNew := f == nil
	if isNew {
		f = newForm()
		if err := c.proposeBroker(r, v, f); err != nil {
			return err
		}
	}
	if p.adoptChoices, err = c.adoptChoices(r, v, f); err != nil {
		return err
	}
	p.MayKeep = p.Replaces
	for _, l := range p.Locations {
		for _, d := range l.Doors {
			if len(d.Readers) > 0 {
				continue
			}
			if len(p.Doors) == maxFreeDoors {
				p.More = true
				break
			}
			p.Doors = append(p.Doors, d)
		}
	}
	if isNew {
		p.propose()
	}
	return nil
}

// propose fills in a new form: what most boards become.
func (p *waitingPage) propose() {
	switch {
	case p.Replaces:
		p.Form.Values.Set("which", "same")
		p.Form.Values.Set("access", "keep")
	case len(p.Doors) == 1:
		p.Form.Values.Set("which", strconv.FormatInt(p.Doors[0].ID, 10))
	case len(p.Doors) == 0:
		p.Form.Values.Set("which", "new")
	}
	if len(p.Locations) > 0 {
		p.Form.Values.Set("place", p.Locations[0].Name)
	}
}

// whichDoor reads which door a reader is for. It marks what is missing.
func (c *Console) whichDoor(r *http.Request, v *visit, f *form) (door, place string, err error) {
	switch which := f.Get("which"); which {
	case "same":
		return "", "", nil
	case "new":
		door, place = f.Trim("door"), f.Trim("place")
		if door == "" {
			f.Wrong["door"] = language.Say("Enter a name for the door.")
		}
		return door, place, nil
	default:
		id, err := strconv.ParseInt(which, 10, 64)
		if err != nil {
			f.Wrong["which"] = language.Say("Choose the door.")
			return "", "", nil
		}
		is, err := c.desk.Door(r.Context(), v.Actor, id)
		if errors.Is(err, desk.ErrNotFound) {
			f.Wrong["which"] = language.Say("Somebody has removed this door. Choose another one.")
			return "", "", nil
		}
		if err != nil {
			return "", "", err
		}
		return is.Name, is.Place, nil
	}
}

// readAdoptForm reads the form of an adoption. It marks all that is missing.
func (c *Console) readAdoptForm(r *http.Request, v *visit, f *form) (desk.AdoptForm, error) {
	if !f.Has("compared", "on") {
		f.Wrong["fingerprint"] = language.Say("Compare the fingerprint with that on the reader's screen, and tick this if it is the same.")
	}
	access, uses := accessChoice(f)
	form := adoptForm(f, access, uses)
	var err error
	if form.Door, form.Place, err = c.whichDoor(r, v, f); err == nil && len(f.Wrong) > 0 {
		err = errWrong
	}
	return form, err
}

// adoptWaiting makes a board that waits a reader.
func (c *Console) adoptWaiting(r *http.Request, v *visit, f *form) (answer, error) {
	if err := v.refusal(desk.AdoptReader); err != nil {
		return answer{}, err
	}
	form, err := c.readAdoptForm(r, v, f)
	if err != nil {
		return answer{}, err
	}
	if _, err = c.desk.AdoptWaiting(r.Context(), v.Actor, v.id, form); errors.Is(err, desk.ErrNotFound) {
		err = nil // somebody was faster: the page says what has become of it
	}
	done := answer{to: waitingURL(v.id)}
	if f.Has("access", "groups") {
		done.notice = nights(f)
	}
	return done, err
}

// showAdoptWaiting shows the form again.
func (c *Console) showAdoptWaiting(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	if status != http.StatusOK { // otherwise nobody has looked at it yet
		if _, err := c.readAdoptForm(r, v, f); err != nil && !errors.Is(err, errWrong) {
			return err
		}
	}
	return c.showWaiting("")(w, r, v, status, f)
}

// refuseWaiting sends a board away.
func (c *Console) refuseWaiting(r *http.Request, v *visit, f *form) (answer, error) {
	all := f.Has("all", "on")
	err := c.desk.RefuseWaiting(r.Context(), v.Actor, v.id, all)
	if all {
		return removed(err, "/devices", language.Say("Refused. They are not shown for an hour."), language.Say("It waits no longer."))
	}
	return removed(err, "/devices", language.Say("Refused. It is not shown for an hour."), language.Say("It waits no longer."))
}

// takeBack removes the reader that a board was made by mistake. What that means depends on whether its bundle was
// fetched: if it was after the question was asked, it is asked anew.
func (c *Console) takeBack(r *http.Request, v *visit, f *form) (answer, error) {
	already := language.Say("It was taken back already.")
	fetched := f.Has("fetched", "true")
	err := c.desk.TakeBackAdoption(r.Context(), v.Actor, v.id, fetched)
	if fetched {
		return removed(err, "/devices", language.Say("The reader was removed as lost."), already)
	}
	return removed(err, waitingURL(v.id), language.Say("Taken back: it waits again."), already)
}
