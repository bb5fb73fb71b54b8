package console

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// readerPage shows one reader.
type readerPage struct {
	Reader     *desk.Reader
	Tab        string // key of one of readerTabs
	Form       *form
	Events     []*desk.Event
	Odds       *desk.GuessOdds
	Doors      []*desk.Door
	Groups     []string
	Schedules  []*desk.Schedule // to choose from for hours
	Weeks      []*week
	Edit       *week     // the schedule being edited
	EndedEarly time.Time // until then the schedule does not unlock the door; zero: it does
	ModeGroups []string  // to choose from for the modes
	Removing   string    // the group to be removed, after confirmation
	readerCell
	Ask string
}

// A tab is a part of a page, with its key in the URL.
type tab struct{ Key, Name string }

var readerTabs = []tab{{"overview", "Overview"}, {"authentication", "Authentication"}, {"access", "Access"}, {"opening", "Unlock schedule"}, {"two-proofs", "Card and PIN"}, {"door", "Door"}, {"screen", "Screen"}, {"device", "Device"}}

// At returns the address of a tab about the reader.
func (p *readerPage) At(tab string) string { return "/readers/" + p.Reader.ID + "?tab=" + tab }

func (c *Console) reader(w http.ResponseWriter, r *http.Request, v *visit) error {
	q := r.URL.Query()
	return c.showReader(q.Get("tab"), q.Get("ask"))(w, r, v, http.StatusOK, nil)
}

// showReader returns a tab of a reader's page, with an open dialog; "": none.
func (c *Console) showReader(tab, ask string) formPage {
	return func(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
		p := &readerPage{Tab: tab, Form: f, Ask: ask}
		if err := c.readReader(r, v, p); err != nil {
			return err
		}
		c.show(w, r, status, "reader", &view{visit: v, Title: p.Reader.Door, Section: "devices", Page: p})
		return nil
	}
}

// readReader fills in the page of a tab.
func (c *Console) readReader(r *http.Request, v *visit, p *readerPage) (err error) {
	if p.Reader, err = c.desk.Reader(r.Context(), v.Actor, r.PathValue("reader")); err != nil {
		return err
	}
	policy, given := p.Reader.Policy, p.Form != nil
	if p.Schedules, err = c.desk.Schedules(r.Context(), v.Actor); err != nil {
		return err
	}
	if given {
		p.Form.warn("policy", fmt.Sprint(policy.Revision))
		p.Form.warn("reader", p.Reader.PlaceRevision())
	}
	switch p.Tab {
	case "authentication":
		if !given {
			p.Form = authenticationForm(policy)
		}
		p.Odds, err = c.desk.Odds(r.Context(), v.Actor, p.Reader.ID, nil)
	case "access":
		err = c.readAccess(r, v, p)
	case "opening":
		err = c.readOpening(r, v, p)
	case "two-proofs":
		readTwoProofs(p)
	case "door":
		if !given {
			p.Form = doorForm(policy)
		}
	case "screen":
		if !given {
			p.Form = screenForm(policy)
		}
	case "device":
		if !given {
			p.Form = newForm("door", fmt.Sprint(p.Reader.DoorID), "revision", p.Reader.PlaceRevision())
		}
		locations, err := c.desk.Places(r.Context(), v.Actor)
		if err != nil {
			return err
		}
		for _, l := range locations {
			p.Doors = append(p.Doors, l.Doors...)
		}
		if err := c.readCellOf(r, v, p); err != nil {
			return err
		}
	default:
		p.Tab = "overview"
		page, err := c.desk.Activity(r.Context(), v.Actor, desk.Query{Reader: p.Reader.ID, Limit: 8})
		if err != nil {
			return err
		}
		p.Events = page.Events
		if err := c.readCellOf(r, v, p); err != nil {
			return err
		}
	}
	return err
}

func authenticationForm(p *wire.Policy) *form {
	f := newForm("revision", fmt.Sprint(p.Revision), "limit", fmt.Sprint(p.Limit), "guess-limit", fmt.Sprint(p.GuessLimit))
	tick(f, "shuffle", p.ShufflePIN)
	tick(f, "tamper-pauses", p.TamperPauses)
	tick(f, "copyable-opens", !p.ProvenOpens)
	tick(f, "copyable-ends", !p.ProvenEnds)
	return f
}

func tick(f *form, name string, on bool) {
	if on {
		f.Values.Set(name, "on")
	}
}

// wholeNumber reads a number from 0 to most, and marks anything else. The desk checks
// the range that is allowed.
func wholeNumber(f *form, name string, most uint64) uint64 {
	n, err := strconv.ParseUint(f.Trim(name), 10, 32)
	if err != nil || n > most {
		f.Wrong[name] = fmt.Sprintf("Enter a whole number from 0 to %s.", thousands(int(most)))
	}
	return n
}

// authentication reads the form of the Authentication tab.
func authentication(f *form) func(*wire.Policy) {
	limit, guesses := wholeNumber(f, "limit", 10), wholeNumber(f, "guess-limit", 65535)
	return func(p *wire.Policy) {
		p.Limit, p.GuessLimit = uint8(limit), uint16(guesses)
		p.ShufflePIN, p.TamperPauses = f.Has("shuffle", "on"), f.Has("tamper-pauses", "on")
		p.ProvenOpens, p.ProvenEnds = !f.Has("copyable-opens", "on"), !f.Has("copyable-ends", "on")
	}
}

func (c *Console) setAuthentication(r *http.Request, v *visit, f *form) (answer, error) {
	return c.setPolicy(r, v, f, "authentication", authentication(f))
}

// setPolicy changes a reader's policy with the form of a tab, unless errors are marked
// in it. uses say which hours are those of schedules.
func (c *Console) setPolicy(r *http.Request, v *visit, f *form, tab string, edit func(*wire.Policy), uses ...desk.UseSchedule) (answer, error) {
	if len(f.Wrong) > 0 {
		return answer{}, errWrong
	}
	was, _ := strconv.ParseUint(f.Get("revision"), 10, 64)
	_, err := c.desk.SetPolicy(r.Context(), v.Actor, r.PathValue("reader"), was, edit, uses...)
	return answer{to: readerURL(r, tab), notice: "Saved. The reader is told now."}, err
}

// readerURL returns the URL of a tab of the reader in a request's URL.
func readerURL(r *http.Request, tab string) string {
	return "/readers/" + url.PathEscape(r.PathValue("reader")) + "?tab=" + tab
}

// odds shows the odds of guessing with the current values of the form.
func (c *Console) odds(r *http.Request, v *visit, f *form) (answer, error) {
	edit := authentication(f)
	if len(f.Wrong) > 0 {
		return answer{show: func(w http.ResponseWriter, _ *http.Request, _ *visit) error {
			w.WriteHeader(http.StatusNoContent)
			return nil
		}}, nil
	}
	odds, err := c.desk.Odds(r.Context(), v.Actor, r.PathValue("reader"), edit)
	return answer{show: func(w http.ResponseWriter, r *http.Request, v *visit) error {
		c.show(w, r, http.StatusOK, "reader", &view{visit: v, Page: &readerPage{Odds: odds}})
		return nil
	}}, err
}

func (c *Console) moveReader(r *http.Request, v *visit, f *form) (answer, error) {
	door, err := strconv.ParseInt(f.Get("door"), 10, 64)
	if err != nil {
		return answer{}, desk.ErrNotFound
	}
	err = c.desk.MoveReader(r.Context(), v.Actor, r.PathValue("reader"), f.Get("revision"), door)
	return answer{to: readerURL(r, "device"), notice: "The reader was moved to another door, and is being updated."}, err
}

func (c *Console) removeReader(r *http.Request, v *visit, f *form) (answer, error) {
	how := desk.Removal(f.Get("how"))
	if how != desk.Returned && how != desk.Lost {
		return answer{}, desk.ErrNotFound
	}
	done := answer{to: "/devices", notice: "The reader was removed, and a new epoch has begun."}
	if c.otherBroker() {
		done.notice += " The broker still accepts it: run latchkey-controller broker-config and restart Mosquitto."
	}
	_, err := c.desk.RemoveReader(r.Context(), v.Actor, r.PathValue("reader"), how)
	return done, err
}

func (c *Console) renewBudget(r *http.Request, v *visit, _ *form) (answer, error) {
	err := c.desk.RenewBudget(r.Context(), v.Actor, r.PathValue("reader"))
	return answer{to: readerURL(r, "device"), notice: "The reader is given a new budget."}, err
}

func (c *Console) showRemoval(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	return c.showReader("device", f.Get("how"))(w, r, v, status, f)
}
