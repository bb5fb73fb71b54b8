package console

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

// rules are what one of a door's readers is told about it. Nearly all doors have one reader, and their
// page does not mention it.
type rules struct {
	Reader     *desk.Reader // nil: the door has none
	RulesForm  *form        // of how it stays unlocked and open
	Both       *form        // of when card and PIN are demanded
	Calendar   *form        // of its time zone and holidays
	Odds       *desk.GuessOdds
	Groups     []string
	Schedules  []*desk.Schedule // to choose from for hours
	Weeks      []*week
	Edit       *week     // the hours being edited
	EndedEarly time.Time // until then the schedule does not unlock the door; zero: it does
	ModeGroups []string  // to choose from for the modes
	Removing   string    // the group to be removed, after confirmation
}

// A ruleForm is a form about a reader on a page of its door: on which tab, and which of its forms.
type ruleForm struct{ tab, form, ask string }

// showReaderRules returns the page of the door that the reader in a request's URL serves, with one of its forms.
func (c *Console) showReaderRules(of ruleForm) formPage {
	return func(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
		reader, err := c.desk.Reader(r.Context(), v.Actor, r.PathValue("reader"))
		if err != nil {
			return err
		}
		p := &doorPage{Tab: of.tab, Ask: of.ask}
		if p.Door, err = c.desk.Door(r.Context(), v.Actor, reader.DoorID); err != nil {
			return err
		}
		f.warn("policy", fmt.Sprint(reader.Policy.Revision))
		switch of.form {
		case "rules":
			p.RulesForm = f
		case "both":
			p.Both = f
		case "calendar":
			p.Calendar = f
		default:
			p.Form = f
		}
		return c.showDoorPage(w, r, v, status, p, reader.ID)
	}
}

// readRules fills in what a tab shows of the door's reader.
func (c *Console) readRules(r *http.Request, v *visit, p *doorPage) (err error) {
	if p.Schedules, err = c.desk.Schedules(r.Context(), v.Actor); err != nil {
		return err
	}
	switch p.Tab {
	case "access":
		return c.readAccess(r, v, p)
	case "hours":
		return c.readOpening(r, v, p)
	case "identification":
		if p.Form == nil {
			p.Form = authenticationForm(p.Reader.Policy)
		}
		readTwoProofs(p)
		p.Odds, err = c.desk.Odds(r.Context(), v.Actor, p.Reader.ID, nil)
	case "settings":
		if p.RulesForm == nil {
			p.RulesForm = doorForm(p.Reader.Policy)
		}
	}
	return err
}

// choose has the page be about one of the door's readers by its id; "": the first.
func (p *doorPage) choose(id string) {
	at := max(0, slices.IndexFunc(p.Door.Readers, func(r *desk.Reader) bool { return r.ID == id }))
	if len(p.Door.Readers) > 0 {
		p.Reader = p.Door.Readers[at]
	}
}

// At returns the address of a tab of the page, about the same reader.
func (p *doorPage) At(tab string) string {
	id := ""
	if p.Reader != nil {
		id = p.Reader.ID
	}
	return doorURL(p.Door, tab, id)
}

// doorURL returns the address of a tab of a door, about one of its readers.
func doorURL(d *desk.Door, tab, reader string) string {
	address := fmt.Sprintf("/doors/%d?tab=%s", d.ID, tab)
	if len(d.Readers) > 1 {
		address += "&reader=" + url.QueryEscape(reader)
	}
	return address
}

// rulesAt returns the address of a tab, or as "tab#section" of a section on it, of the door that the reader in a request's URL serves; that of the
// reader, if it serves none.
func (c *Console) rulesAt(r *http.Request, v *visit, tab string) (string, error) {
	reader, err := c.desk.Reader(r.Context(), v.Actor, r.PathValue("reader"))
	if err != nil {
		return "", err
	}
	if reader.DoorID == 0 || reader.Removed != "" {
		return readerURL(r, "overview"), nil
	}
	door, err := c.desk.Door(r.Context(), v.Actor, reader.DoorID)
	if err != nil {
		return "", err
	}
	tab, section, found := strings.Cut(tab, "#")
	to := doorURL(door, tab, reader.ID)
	if found {
		to += "#" + section
	}
	return to, nil
}

// setPolicy changes a reader's policy with the form of a tab of its door, to whose section it returns, unless errors are marked
// in it. uses say which hours are those of schedules.
func (c *Console) setPolicy(r *http.Request, v *visit, f *form, tab string, edit func(*wire.Policy), uses ...desk.UseSchedule) (answer, error) {
	if err := c.savePolicy(r, v, f, edit, uses...); err != nil {
		return answer{}, err
	}
	to, err := c.rulesAt(r, v, tab)
	return answer{to: to, notice: andNights(language.Say("Saved. The reader is told now."), f)}, err
}

// savePolicy changes a reader's policy, unless errors are marked in the form.
func (c *Console) savePolicy(r *http.Request, v *visit, f *form, edit func(*wire.Policy), uses ...desk.UseSchedule) error {
	if len(f.Wrong) > 0 {
		return errWrong
	}
	was, _ := strconv.ParseUint(f.Get("revision"), 10, 64)
	_, err := c.desk.SetPolicy(r.Context(), v.Actor, r.PathValue("reader"), was, edit, uses...)
	return err
}

func doorForm(p *wire.Policy) *form {
	f := newForm("revision", fmt.Sprint(p.Revision), "unlock", fmt.Sprint(p.Unlock), "extended", fmt.Sprint(p.Extended), "held-after", fmt.Sprint(p.HeldAfter))
	for name, field := range doorToggles(p) {
		tick(f, name, *field)
	}
	return f
}

// doorToggles are the on-off settings of a door.
func doorToggles(p *wire.Policy) map[string]*bool {
	return map[string]*bool{
		"release-on-open": &p.ReleaseOnOpen, "tamper-stops-card": &p.TamperStopsCard, "tamper-stops-exit": &p.TamperStopsExit,
		"cards-behind": &p.CardsBehind, "cards-unstored": &p.CardsUnstored, "exit-unstored": &p.ExitUnstored,
	}
}

func (c *Console) setDoor(r *http.Request, v *visit, f *form) (answer, error) {
	unlock, extended, held := wholeNumber(f, "unlock", 60), wholeNumber(f, "extended", 300), wholeNumber(f, "held-after", 65535)
	return c.setPolicy(r, v, f, "settings", func(p *wire.Policy) {
		p.Unlock, p.Extended, p.HeldAfter = uint16(unlock), uint16(extended), uint16(held)
		for name, field := range doorToggles(p) {
			*field = f.Has(name, "on")
		}
	})
}
