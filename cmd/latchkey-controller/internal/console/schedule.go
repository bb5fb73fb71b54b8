package console

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

// A week is when hours are open, for a form and for a picture.
type week struct {
	Group      string
	Always     bool
	Schedule   string // the name of the schedule whose hours they are; "": of no schedule
	ScheduleID int64
	Redundant  bool               // everyone may open always: it has no effect
	Days       []day              // Monday first, holidays last
	Summary    *language.Sentence // the hours of all days
}

// A day is one row of a week.
type day struct {
	Key         string
	Name, Short *language.Sentence
	Next        *language.Sentence // the name of the day after it; nil: of holidays, which none follows
	Hours       string             // "08:00-12:00, 13:00-18:00"; "": closed
	Bars        []span
}

// A span is a bar in the picture of a day, in minutes.
type span struct {
	From, Long int
	GoesOn     bool // on the next day: these are hours over midnight
	Comes      bool // from the day before
}

// newWeek returns the week of a group's access.
func newWeek(a wire.Access) *week {
	w := &week{Group: a.Group, Always: a.Schedule == nil}
	s := a.Schedule
	if s == nil {
		s = new(wire.Schedule)
	}
	texts := desk.HoursText(s)
	var open language.Join
	for _, d := range desk.Days() {
		row := day{Key: d.Key, Name: d.Said().Capital(), Short: d.Short(), Hours: texts[d.Key]}
		for _, s := range d.Spans(s) {
			row.Bars = append(row.Bars, span{From: int(s.From), Long: int(s.To - s.From)})
		}
		w.Days = append(w.Days, row)
		if row.Hours != "" {
			open = append(open, spoken(d, row.Hours))
		}
	}
	for i, d := range desk.Days()[:7] {
		w.Days[i].Next = w.Days[(i+1)%7].Name
		if bars := w.Days[i].Bars; d.Overnight(w.Days[i].Hours) != nil {
			bars[len(bars)-1].GoesOn, w.Days[(i+1)%7].Bars[0].Comes = true, true
		}
	}
	if w.Summary = language.Say("never"); len(open) > 0 {
		w.Summary = language.Say("%s", open)
	}
	return w
}

// spoken returns a day with its hours so that what goes over midnight is understood: "Monday
// 08:00-12:00, Monday 22:00 until Tuesday 06:00".
func spoken(d desk.Day, hours string) *language.Sentence {
	over := d.Overnight(hours)
	if over == nil {
		return language.Say("%s %s", d.Said(), hours)
	}
	if last := strings.LastIndex(hours, ", "); last >= 0 {
		return language.Say("%s %s, %s", d.Said(), hours[:last], over)
	}
	return over
}

// nights says for the notice that follows a form which of the hours in it go on after midnight: an
// end before its beginning may be a slip. nil: none do.
func nights(f *form) *language.Sentence {
	if f.Values.Has("when") && f.Get("when") != "times" {
		return nil
	}
	var all []*language.Sentence
	for _, d := range desk.Days() {
		if over := d.Overnight(f.Get(d.Key)); over != nil {
			all = append(all, over)
		}
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return language.Say("These hours go on after midnight: %s.", all[0])
	}
	return language.Count(len(all), "Hours of %d day go on after midnight, like %s.", "Hours of %d days go on after midnight, like %s.", all[0])
}

// andNights returns the notice that follows a form, with what nights says.
func andNights(notice *language.Sentence, f *form) *language.Sentence {
	if over := nights(f); over != nil {
		return language.Say("%s %s", notice, over)
	}
	return notice
}

// week returns the week of hours in the reader's policy.
func (p *doorPage) week(use desk.HoursUse, a wire.Access) *week {
	return newWeek(a).by(p.Reader.Named[use], p.Schedules)
}

// by says that the hours are those of a schedule; "": of none.
func (w *week) by(name string, all []*desk.Schedule) *week {
	w.Schedule = name
	for _, s := range all {
		if s.Name == name {
			w.ScheduleID = s.ID
		}
	}
	return w
}

// readAccess fills in the Access tab.
func (c *Console) readAccess(r *http.Request, v *visit, p *doorPage) (err error) {
	policy := p.Reader.Policy
	edit := r.URL.Query().Get("group")
	if p.Form != nil {
		edit = p.Form.Get("group")
	}
	if p.Ask == "remove" {
		p.Removing, edit = edit, ""
	}
	open := slices.ContainsFunc(policy.Access, func(a wire.Access) bool { return a.Group == wire.Everyone && a.Schedule == nil })
	for _, a := range policy.Access {
		week := p.week(accessOf(a.Group), a)
		week.Redundant = open && a.Group != wire.Everyone && !desk.IsVisitors(a.Group)
		p.Weeks = append(p.Weeks, week)
		if a.Group == edit && edit != "" && !desk.IsVisitors(edit) {
			p.Edit = week
		}
	}
	groups, err := c.desk.Groups(r.Context(), v.Actor)
	if err != nil {
		return err
	}
	for _, group := range append([]string{wire.Everyone}, groups...) {
		if !slices.Contains(p.Groups, group) && !slices.ContainsFunc(policy.Access, func(a wire.Access) bool { return a.Group == group }) {
			p.Groups = append(p.Groups, group)
		}
	}
	if p.Edit == nil && (p.Ask == "add" || p.Form != nil && p.Form.Get("kind") == "group") {
		p.Edit = newWeek(wire.Access{Group: edit})
		p.Ask = "add"
	}
	saved := newForm("revision", fmt.Sprint(policy.Revision))
	saved.Values["exempt"], saved.Values["in-lockdown"] = policy.Exempt, policy.InLockdown
	if p.Form == nil {
		p.Form = saved
		if p.Edit != nil {
			fillWeek(p.Form, p.Edit)
		}
	} else if p.Form.Get("kind") != "modes" { // of the tab's forms only one was refused
		p.Form.Values["exempt"], p.Form.Values["in-lockdown"] = policy.Exempt, policy.InLockdown
	}
	p.ModeGroups = modeGroups(policy, groups, slices.Concat(p.Form.Values["exempt"], p.Form.Values["in-lockdown"])...)
	return nil
}

func fillWeek(f *form, w *week) {
	f.Values.Set("group", w.Group)
	f.Values.Set("when", "times")
	switch {
	case w.Always:
		f.Values.Set("when", "always")
	case w.Schedule != "":
		f.Values.Set("when", "schedule")
		f.Values.Set("schedule", fmt.Sprint(w.ScheduleID))
	}
	for _, d := range w.Days {
		f.Values.Set(d.Key, d.Hours)
	}
}

// accessOf is where the hours of a group's access stand.
func accessOf(group string) desk.HoursUse {
	return desk.HoursUse{What: desk.AccessHours, Group: group}
}

// readTimes reads the hours of a form; nil: always, or those of a schedule.
func readTimes(f *form) (hours *wire.Schedule, by desk.UseSchedule) {
	switch f.Get("when") {
	case "times":
		return readDays(f), by
	case "schedule":
		if by.ID, _ = strconv.ParseInt(f.Get("schedule"), 10, 64); by.ID <= 0 {
			f.wrong("schedule", "Choose a schedule.")
		}
	}
	return nil, by
}

// readDays reads the hours of a form's days.
func readDays(f *form) *wire.Schedule {
	texts := map[string]string{}
	for _, d := range desk.Days() {
		texts[d.Key] = f.Get(d.Key)
	}
	hours, err := desk.ParseHours(texts)
	f.refused(err)
	return hours
}

func (c *Console) setAccess(r *http.Request, v *visit, f *form) (answer, error) {
	access := wire.Access{Group: strings.ToLower(f.Trim("group"))}
	var by desk.UseSchedule
	access.Schedule, by = readTimes(f)
	by.HoursUse = accessOf(access.Group)
	if err := wire.CheckName(access.Group); err != nil {
		f.says("group", desk.SaidOf(err))
	}
	return c.setPolicy(r, v, f, "access#who-may", func(p *wire.Policy) {
		at := slices.IndexFunc(p.Access, func(a wire.Access) bool { return a.Group == access.Group })
		if at < 0 {
			p.Access = append(p.Access, access)
		} else {
			p.Access[at] = access
		}
	}, by)
}

func (c *Console) removeAccess(r *http.Request, v *visit, f *form) (answer, error) {
	group := f.Get("group")
	done, err := c.setPolicy(r, v, f, "access#who-may", func(p *wire.Policy) {
		p.Access = slices.DeleteFunc(p.Access, func(a wire.Access) bool { return a.Group == group })
		p.Exempt, p.InLockdown = slices.DeleteFunc(p.Exempt, func(g string) bool { return g == group }), slices.DeleteFunc(p.InLockdown, func(g string) bool { return g == group })
	})
	for _, field := range []string{"exempt", "in-lockdown", "opening"} { // whose forms are others
		if says := desk.Fields(err)[field]; says != nil {
			f.says("", says)
		}
	}
	return done, err
}

// readCalendar fills in the form of the time zone and the holidays.
func (c *Console) readCalendar(r *http.Request, v *visit, p *doorPage) error {
	if p.Calendar != nil {
		return nil
	}
	own, err := c.desk.OwnHolidays(r.Context(), v.Actor, p.Reader.ID)
	p.Calendar = newForm("revision", fmt.Sprint(p.Reader.Policy.Revision), "time-zone", p.Reader.Policy.TimeZone, "holidays", holidayText(own))
	return err
}

func (c *Console) setCalendar(r *http.Request, v *visit, f *form) (answer, error) {
	holidays, err := parseHolidays(f.Get("holidays"))
	if err != nil {
		f.says("holidays", language.Of(err))
	}
	return c.setPolicy(r, v, f, "hours#calendar", func(p *wire.Policy) { p.TimeZone, p.Holidays = f.Trim("time-zone"), holidays })
}

// holidayText returns holidays as text for a form, one per line.
func holidayText(holidays []wire.Holiday) string {
	var lines []string
	for _, h := range holidays {
		if h.Year == 0 {
			lines = append(lines, fmt.Sprintf("%02d-%02d", h.Month, h.Day))
		} else {
			lines = append(lines, fmt.Sprintf("%04d-%02d-%02d", h.Year, h.Month, h.Day))
		}
	}
	return strings.Join(lines, "\n")
}

// parseHolidays parses holidays, one per line: 2026-12-25, or 12-25 for every year.
// It sorts them and drops duplicates.
func parseHolidays(text string) (holidays []wire.Holiday, err error) {
	for _, line := range strings.Fields(strings.ReplaceAll(text, ",", " ")) {
		h := wire.Holiday{}
		if day, err := time.Parse(time.DateOnly, line); err == nil {
			h.Year, h.Month, h.Day = uint16(day.Year()), uint8(day.Month()), uint8(day.Day())
		} else if day, err := time.Parse(time.DateOnly, "2000-"+line); err == nil {
			h.Month, h.Day = uint8(day.Month()), uint8(day.Day())
		} else {
			return nil, language.Say("\"%s\" is not a date; enter one per line, like 2026-12-25, or 12-25 for every year", truncate(line, 40))
		}
		holidays = append(holidays, h)
	}
	key := func(h wire.Holiday) int { return int(h.Year)*10000 + int(h.Month)*100 + int(h.Day) }
	slices.SortFunc(holidays, func(a, b wire.Holiday) int { return key(a) - key(b) })
	return slices.Compact(holidays), nil
}
