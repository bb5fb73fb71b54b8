package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// readerPage shows one reader.
type readerPage struct {
	Reader   *desk.Reader
	Tab      string // "overview", "authentication", "access", "door", "device"
	Form     *form
	Events   []*desk.Event
	Odds     *desk.GuessOdds
	Doors    []*desk.Door
	Groups   []string
	Weeks    []*week
	Edit     *week  // the schedule being edited
	Removing string // the group to be removed, after confirmation
	Ask      string
}

func (c *Console) reader(w http.ResponseWriter, r *http.Request, v *visit) error {
	return c.showReader(w, r, v, http.StatusOK, r.URL.Query().Get("tab"), nil)
}

// showReader shows a reader's page; f is a refused form of the tab, or nil.
func (c *Console) showReader(w http.ResponseWriter, r *http.Request, v *visit, status int, tab string, f *form) error {
	p := &readerPage{Tab: tab, Form: f, Ask: r.URL.Query().Get("ask")}
	var err error
	if p.Reader, err = c.desk.Reader(r.Context(), v.Actor, r.PathValue("id")); err != nil {
		return err
	}
	policy := p.Reader.Policy
	if f != nil {
		f.warn("policy", fmt.Sprint(policy.Revision))
		f.warn("reader", p.Reader.PlaceRevision())
	}
	switch tab {
	case "authentication":
		if f == nil {
			p.Form = authenticationForm(policy)
		}
		if p.Odds, err = c.desk.Odds(r.Context(), v.Actor, p.Reader.ID, nil); err != nil {
			return err
		}
	case "access":
		if err := c.readAccess(r, v, p); err != nil {
			return err
		}
	case "door":
		if f == nil {
			p.Form = doorForm(policy)
		}
	case "device":
		if f == nil {
			p.Form = newForm("door", fmt.Sprint(p.Reader.DoorID), "revision", p.Reader.PlaceRevision())
		}
		locations, err := c.desk.Places(r.Context(), v.Actor)
		if err != nil {
			return err
		}
		for _, l := range locations {
			p.Doors = append(p.Doors, l.Doors...)
		}
	default:
		p.Tab = "overview"
		page, err := c.desk.Activity(r.Context(), v.Actor, desk.Query{Reader: p.Reader.ID, Limit: 8})
		if err != nil {
			return err
		}
		p.Events = page.Events
	}
	c.show(w, r, status, "reader", &view{visit: v, Title: p.Reader.Door, Section: "devices", Page: p})
	return nil
}

func authenticationForm(p *wire.Policy) *form {
	f := newForm("revision", fmt.Sprint(p.Revision), "limit", fmt.Sprint(p.Limit), "guess-limit", fmt.Sprint(p.GuessLimit))
	tick(f, "shuffle", p.ShufflePIN)
	tick(f, "tamper-pauses", p.TamperPauses)
	return f
}

func doorForm(p *wire.Policy) *form {
	f := newForm("revision", fmt.Sprint(p.Revision), "unlock", fmt.Sprint(p.Unlock), "extended", fmt.Sprint(p.Extended), "held-after", fmt.Sprint(p.HeldAfter), "greeting", p.Greeting, "language", p.Screen.Language)
	for name, field := range toggles(p) {
		tick(f, name, *field)
	}
	return f
}

// toggles are the on-off settings of the Door tab.
func toggles(p *wire.Policy) map[string]*bool {
	return map[string]*bool{
		"release-on-open": &p.ReleaseOnOpen, "tamper-stops-card": &p.TamperStopsCard, "tamper-stops-exit": &p.TamperStopsExit,
		"cards-behind": &p.CardsBehind, "cards-unstored": &p.CardsUnstored, "exit-unstored": &p.ExitUnstored, "system-time": &p.SystemTime,
		"large-text": &p.Screen.LargeText, "high-contrast": &p.Screen.HighContrast,
	}
}

// A screenLanguage is a language of readers' screens: its tag (RFC 5646) and its own
// name.
type screenLanguage struct{ Tag, Name string }

// screenLanguages returns the languages to choose from: those of this program's
// readers, which a test compares, and the current one if it is another (a reader uses
// the nearest that it has).
func screenLanguages(set string) []screenLanguage {
	all := []screenLanguage{
		{"en", "English"}, {"de", "Deutsch"}, {"fr", "Français"}, {"es", "Español"},
		{"it", "Italiano"}, {"nl", "Nederlands"}, {"pl", "Polski"}, {"pt", "Português"},
	}
	if set != "" && !slices.ContainsFunc(all, func(t screenLanguage) bool { return t.Tag == set }) {
		all = append(all, screenLanguage{set, set})
	}
	return all
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
	}
}

func (c *Console) setAuthentication(w http.ResponseWriter, r *http.Request, v *visit) error {
	return c.setPolicy(w, r, v, "authentication", authentication)
}

func (c *Console) setDoor(w http.ResponseWriter, r *http.Request, v *visit) error {
	return c.setPolicy(w, r, v, "door", func(f *form) func(*wire.Policy) {
		unlock, extended, held := wholeNumber(f, "unlock", 60), wholeNumber(f, "extended", 300), wholeNumber(f, "held-after", 65535)
		return func(p *wire.Policy) {
			p.Unlock, p.Extended, p.HeldAfter, p.Greeting = uint16(unlock), uint16(extended), uint16(held), f.Trim("greeting")
			p.Screen.Language = f.Trim("language")
			for name, field := range toggles(p) {
				*field = f.Has(name, "on")
			}
		}
	})
}

// setPolicy changes a reader's policy with the form of a tab. read marks invalid
// input.
func (c *Console) setPolicy(w http.ResponseWriter, r *http.Request, v *visit, tab string, read func(*form) func(*wire.Policy)) error {
	f, err := c.formOf(r, v)
	if err != nil {
		return err
	}
	edit := read(f)
	if len(f.Wrong) == 0 {
		was, _ := strconv.ParseUint(f.Get("revision"), 10, 64)
		_, err := c.desk.SetPolicy(r.Context(), v.Actor, r.PathValue("id"), was, edit)
		if err == nil {
			c.redirect(w, r, readerURL(r.PathValue("id"), tab), "Saved. The reader is told now.")
			return nil
		}
		if !f.refused(err) {
			return err
		}
	}
	return c.showReader(w, r, v, http.StatusUnprocessableEntity, tab, f)
}

func readerURL(id, tab string) string {
	return "/readers/" + url.PathEscape(id) + "?tab=" + tab
}

// odds shows the odds of guessing with the current values of the form.
func (c *Console) odds(w http.ResponseWriter, r *http.Request, v *visit) error {
	f, err := c.formOf(r, v)
	if err != nil {
		return err
	}
	edit := authentication(f)
	if len(f.Wrong) > 0 {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	p := &readerPage{Tab: "authentication", Form: f}
	if p.Odds, err = c.desk.Odds(r.Context(), v.Actor, r.PathValue("id"), edit); err != nil {
		return err
	}
	c.show(w, r, http.StatusOK, "reader", &view{visit: v, Page: p})
	return nil
}

func (c *Console) moveReader(w http.ResponseWriter, r *http.Request, v *visit) error {
	f, err := c.formOf(r, v)
	if err != nil {
		return err
	}
	door, err := strconv.ParseInt(f.Get("door"), 10, 64)
	if err != nil {
		return desk.ErrNotFound
	}
	err = c.desk.MoveReader(r.Context(), v.Actor, r.PathValue("id"), f.Get("revision"), door)
	if f.refused(err) {
		return c.showReader(w, r, v, http.StatusUnprocessableEntity, "device", f)
	}
	if err != nil {
		return err
	}
	c.redirect(w, r, readerURL(r.PathValue("id"), "device"), "The reader was moved to another door, and is being updated.")
	return nil
}

func (c *Console) removeReader(w http.ResponseWriter, r *http.Request, v *visit) error {
	f, err := c.formOf(r, v, "password")
	if err != nil {
		return err
	}
	defer f.wipe()
	how := desk.Removal(f.Get("how"))
	if how != desk.Returned && how != desk.Lost {
		return desk.ErrNotFound
	}
	right, err := c.confirmPassword(r, v, f)
	if err != nil {
		return err
	}
	if right {
		if _, err = c.desk.RemoveReader(r.Context(), v.Actor, r.PathValue("id"), how); err == nil {
			notice := "The reader was removed, and a new epoch has begun."
			if c.otherBroker() {
				notice += " The broker still accepts it: run latchkey-controller broker-config and restart Mosquitto."
			}
			c.redirect(w, r, "/devices", notice)
			return nil
		}
		if errors.Is(err, desk.ErrSignInAgain) {
			v.Actor.FreshSignIn = false
		}
		if !f.refused(err) {
			return err
		}
	}
	r.URL.RawQuery = url.Values{"ask": {f.Get("how")}}.Encode()
	return c.showReader(w, r, v, http.StatusUnprocessableEntity, "device", f)
}
