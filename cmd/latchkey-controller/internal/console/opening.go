package console

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// openingForm returns the form of the schedule that unlocks a door, with its week.
func openingForm(p *wire.Policy, w *week) *form {
	f := newForm("revision", fmt.Sprint(p.Revision), "when", "never")
	if p.Opening != nil {
		fillWeek(f, w)
		f.Values.Set("first", p.Opening.First)
	}
	return f
}

// unlocking is where the hours of the unlock schedule stand.
var unlocking = desk.HoursUse{What: desk.OpeningHours}

// readOpening fills in the Unlock schedule tab.
func (c *Console) readOpening(r *http.Request, v *visit, p *doorPage) error {
	policy := p.Reader.Policy
	schedule := new(wire.Schedule)
	if policy.Opening != nil {
		schedule = &policy.Opening.Schedule
		if after := time.Unix(policy.Opening.After, 0); after.After(c.desk.Now()) {
			p.EndedEarly = after
		}
	}
	p.Edit = p.week(unlocking, wire.Access{Schedule: schedule})
	if p.Form == nil {
		p.Form = openingForm(policy, p.Edit)
	}
	groups, err := c.desk.Groups(r.Context(), v.Actor)
	if err != nil {
		return err
	}
	p.ModeGroups = modeGroups(policy, groups, p.Form.Get("first"))
	return c.readCalendar(r, v, p)
}

// modeGroups returns the groups to choose from for a mode: those that may open the door,
// and any others that are chosen already. all are the groups of the site.
func modeGroups(p *wire.Policy, all []string, chosen ...string) (groups []string) {
	for _, a := range p.Access {
		if a.Group == wire.Everyone {
			groups = append(groups, all...)
		} else if !desk.IsVisitors(a.Group) {
			groups = append(groups, a.Group)
		}
	}
	for _, group := range chosen {
		if group != "" {
			groups = append(groups, group)
		}
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

func (c *Console) setOpening(r *http.Request, v *visit, f *form) (answer, error) {
	times, by := readTimes(f)
	by.HoursUse = unlocking
	return c.setPolicy(r, v, f, "hours#unlock-schedule", func(p *wire.Policy) {
		if times == nil && by.ID == 0 {
			p.Opening = nil
			return
		}
		opening := &wire.Opening{First: f.Get("first")}
		if times != nil {
			opening.Schedule = *times
		}
		if p.Opening != nil {
			opening.After = p.Opening.After
		}
		p.Opening = opening
	}, by)
}

// setModeGroups sets which groups open while the door is kept locked, and which in a
// lockdown.
func (c *Console) setModeGroups(r *http.Request, v *visit, f *form) (answer, error) {
	groups := func(field string) []string {
		chosen := slices.Clone(f.Values[field])
		slices.Sort(chosen)
		return slices.Compact(chosen)
	}
	return c.setPolicy(r, v, f, "access#modes", func(p *wire.Policy) {
		p.Exempt, p.InLockdown = groups("exempt"), groups("in-lockdown")
	})
}
