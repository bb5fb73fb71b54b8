package console

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// A week is a group's schedule at a door, for a form and for a picture.
type week struct {
	Group     string
	Always    bool
	Redundant bool  // everyone may open always: it has no effect
	Days      []day // Monday first, holidays last
	Summary   string
}

// A day is one row of a week.
type day struct {
	Key, Name string
	Hours     string // "08:00-12:00, 13:00-18:00"; "": closed
	Bars      []span
}

// A span is a bar in the picture of a day, in minutes.
type span struct{ From, Long int }

var dayNames = []struct {
	key, name string
	day       uint8
}{{"mon", "Monday", 1}, {"tue", "Tuesday", 2}, {"wed", "Wednesday", 3}, {"thu", "Thursday", 4}, {"fri", "Friday", 5}, {"sat", "Saturday", 6}, {"sun", "Sunday", 0}}

// newWeek returns the week of a group's access.
func newWeek(a wire.Access) *week {
	w := &week{Group: a.Group, Always: a.Schedule == nil}
	var s wire.Schedule
	if a.Schedule != nil {
		s = *a.Schedule
	}
	add := func(key, name string, spans []wire.Span) {
		d := day{Key: key, Name: name}
		var hours []string
		for _, s := range spans {
			hours = append(hours, clockOf(s.From)+"-"+clockOf(s.To))
			d.Bars = append(d.Bars, span{int(s.From), int(s.To - s.From)})
		}
		d.Hours = strings.Join(hours, ", ")
		w.Days = append(w.Days, d)
	}
	for _, n := range dayNames {
		var spans []wire.Span
		for _, span := range s.Week {
			if span.Day == n.day {
				spans = append(spans, span)
			}
		}
		add(n.key, n.name, spans)
	}
	add("holiday", "Holidays", s.Holiday)
	var open []string
	for _, d := range w.Days {
		if d.Hours != "" {
			open = append(open, d.Name+" "+d.Hours)
		}
	}
	w.Summary = strings.Join(open, "; ")
	return w
}

func clockOf(minute uint16) string { return fmt.Sprintf("%02d:%02d", minute/60, minute%60) }

// parseHours parses a day's hours: "08:00-12:00, 13:00-18:00".
func parseHours(text string, day uint8) (spans []wire.Span, err error) {
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		from, to, ok := strings.Cut(strings.ReplaceAll(part, "–", "-"), "-")
		begin, err1 := parseMinute(from)
		end, err2 := parseMinute(to)
		if !ok || err1 != nil || err2 != nil {
			return nil, fmt.Errorf("enter hours like 08:00-12:00, 13:00-18:00, not %q", truncate(part, 40))
		}
		if begin >= end {
			return nil, fmt.Errorf("%s ends before it begins; enter hours after midnight on the next day", part)
		}
		if n := len(spans); n > 0 && begin < spans[n-1].To {
			return nil, fmt.Errorf("%s overlaps the hours before it", part)
		}
		spans = append(spans, wire.Span{Day: day, From: begin, To: end})
	}
	return spans, nil
}

// parseMinute parses a time of day, 00:00 to 24:00, in minutes.
func parseMinute(text string) (uint16, error) {
	hours, minutes, ok := strings.Cut(strings.TrimSpace(text), ":")
	h, err := strconv.ParseUint(hours, 10, 8)
	var m uint64
	if ok {
		var err2 error
		m, err2 = strconv.ParseUint(minutes, 10, 8)
		err = errors.Join(err, err2)
	}
	if err != nil || m > 59 || h*60+m > 24*60 {
		return 0, errors.New("not a time of day")
	}
	return uint16(h*60 + m), nil
}

// readAccess fills in the Access tab.
func (c *Console) readAccess(r *http.Request, v *visit, p *readerPage) (err error) {
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
		week := newWeek(a)
		week.Redundant = open && a.Group != wire.Everyone
		p.Weeks = append(p.Weeks, week)
		if a.Group == edit && edit != "" {
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
	saved := newForm("revision", fmt.Sprint(policy.Revision), "time-zone", policy.TimeZone, "holidays", holidayText(policy.Holidays))
	saved.Values["exempt"], saved.Values["in-lockdown"] = policy.Exempt, policy.InLockdown
	if p.Form == nil {
		p.Form = saved
		if p.Edit != nil {
			fillWeek(p.Form, p.Edit)
		}
	} else { // of the tab's forms only one was refused
		if !p.Form.Values.Has("time-zone") {
			p.Form.Values["time-zone"], p.Form.Values["holidays"] = saved.Values["time-zone"], saved.Values["holidays"]
		}
		if p.Form.Get("kind") != "modes" {
			p.Form.Values["exempt"], p.Form.Values["in-lockdown"] = policy.Exempt, policy.InLockdown
		}
	}
	p.ModeGroups = modeGroups(policy, groups, slices.Concat(p.Form.Values["exempt"], p.Form.Values["in-lockdown"])...)
	return nil
}

func fillWeek(f *form, w *week) {
	f.Values.Set("group", w.Group)
	f.Values.Set("when", "times")
	if w.Always {
		f.Values.Set("when", "always")
	}
	for _, d := range w.Days {
		f.Values.Set(d.Key, d.Hours)
	}
}

// readTimes reads the schedule of a form; nil: always.
func readTimes(f *form) *wire.Schedule {
	if f.Get("when") != "times" {
		return nil
	}
	times := new(wire.Schedule)
	for _, n := range dayNames {
		spans, err := parseHours(f.Get(n.key), n.day)
		if err != nil {
			f.wrong(n.key, err.Error())
		}
		times.Week = append(times.Week, spans...)
	}
	spans, err := parseHours(f.Get("holiday"), 0)
	if err != nil {
		f.wrong("holiday", err.Error())
	}
	times.Holiday = spans
	return times
}

func (c *Console) setAccess(r *http.Request, v *visit, f *form) (answer, error) {
	access := wire.Access{Group: strings.ToLower(f.Trim("group")), Schedule: readTimes(f)}
	if err := wire.CheckName(access.Group); err != nil {
		f.wrong("group", err.Error())
	}
	return c.setPolicy(r, v, f, "access", func(p *wire.Policy) {
		at := slices.IndexFunc(p.Access, func(a wire.Access) bool { return a.Group == access.Group })
		if at < 0 {
			p.Access = append(p.Access, access)
		} else {
			p.Access[at] = access
		}
	})
}

func (c *Console) removeAccess(r *http.Request, v *visit, f *form) (answer, error) {
	group := f.Get("group")
	done, err := c.setPolicy(r, v, f, "access", func(p *wire.Policy) {
		p.Access = slices.DeleteFunc(p.Access, func(a wire.Access) bool { return a.Group == group })
		p.Exempt, p.InLockdown = slices.DeleteFunc(p.Exempt, func(g string) bool { return g == group }), slices.DeleteFunc(p.InLockdown, func(g string) bool { return g == group })
	})
	for _, field := range []string{"exempt", "in-lockdown", "opening"} { // whose forms are others
		if says := desk.Fields(err)[field]; says != "" {
			f.wrong("", says)
		}
	}
	return done, err
}

func (c *Console) setCalendar(r *http.Request, v *visit, f *form) (answer, error) {
	holidays, err := parseHolidays(f.Get("holidays"))
	if err != nil {
		f.wrong("holidays", err.Error())
	}
	return c.setPolicy(r, v, f, "access", func(p *wire.Policy) { p.TimeZone, p.Holidays = f.Trim("time-zone"), holidays })
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
			return nil, fmt.Errorf("%q is not a date; enter one per line, like 2026-12-25, or 12-25 for every year", truncate(line, 40))
		}
		holidays = append(holidays, h)
	}
	key := func(h wire.Holiday) int { return int(h.Year)*10000 + int(h.Month)*100 + int(h.Day) }
	slices.SortFunc(holidays, func(a, b wire.Holiday) int { return key(a) - key(b) })
	return slices.Compact(holidays), nil
}
