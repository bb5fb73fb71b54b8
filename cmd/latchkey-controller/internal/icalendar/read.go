// Package icalendar finds the days of holidays in an iCalendar file (RFC 5545).
package icalendar

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	ics "github.com/arran4/golang-ical"
)

// An Event is some days of a calendar.
type Event struct {
	ID          string // the same each time that the calendar is read, of no other event in it; "": nothing says which one it is
	Name        string // as it is written: anything
	First, Last time.Time
	Yearly      bool // on these days of each year
}

// A Reason says why an event is left out.
type Reason string

// The reasons.
const (
	Past      Reason = "past"      // before the days that are asked for
	Far       Reason = "far"       // after them
	Timed     Reason = "timed"     // it is no whole days
	Repeats   Reason = "repeats"   // more often than once a year, or in a way that is not understood
	Long      Reason = "long"      // it has more days than are asked for
	Cancelled Reason = "cancelled" //
	Undated   Reason = "undated"   // it has no day, or none that is understood
)

// Reasons returns all of them.
func Reasons() []Reason { return []Reason{Past, Far, Timed, Repeats, Long, Cancelled, Undated} }

// A Calendar is what a file has.
type Calendar struct {
	Events []Event        // in the order of the file
	Left   map[Reason]int // how many are left out
}

// Bounds of a file.
const (
	MaxFile   = 512 << 10 // bytes: a country's holidays of fifty years
	maxEvents = 5000
	maxDepth  = 8    // of components in one another
	maxID     = 200  // bytes; of a longer one its hash is taken
	maxText   = 1000 // bytes of a list of dates
	maxRule   = 200  // bytes of a rule
)

// Options say what is taken from a calendar.
type Options struct {
	From    time.Time // a day: what is over before it is past
	To      int       // the last year
	MaxDays int       // of an event
}

// Read reads a calendar. What it does not take it counts.
func Read(ctx context.Context, file []byte, o Options) (*Calendar, error) {
	if len(file) > MaxFile {
		return nil, fmt.Errorf("the file is larger than %d KiB", MaxFile>>10)
	}
	if err := checkDepth(file); err != nil {
		return nil, err
	}
	parsed, err := ics.ParseCalendar(bytes.NewReader(file))
	if err != nil {
		return nil, errors.New("this is not an iCalendar file (.ics): " + strings.ToValidUTF8(err.Error(), "?"))
	}
	events := parsed.Events()
	if len(parsed.Components) == 0 && len(events) == 0 && !bytes.Contains(bytes.ToUpper(file[:min(len(file), 200)]), []byte("BEGIN:VCALENDAR")) {
		return nil, errors.New("this is not an iCalendar file (.ics)")
	}
	if len(events) > maxEvents {
		return nil, fmt.Errorf("%d events are more than %d", len(events), maxEvents)
	}
	r := &reader{Options: o, calendar: &Calendar{Left: map[Reason]int{}}, instead: map[string]map[string]bool{}}
	for _, e := range events { // those that stand in for one of an event that repeats
		at, id := text(e, ics.ComponentPropertyRecurrenceId), text(e, ics.ComponentPropertyUniqueId)
		if at != "" && id != "" {
			if r.instead[id] == nil {
				r.instead[id] = map[string]bool{}
			}
			r.instead[id][at[:min(len(at), len(dateOnly))]] = true
		}
	}
	for _, e := range events {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r.event(e)
		if len(r.calendar.Events) > maxEvents {
			return nil, fmt.Errorf("the events are on more than %d days", maxEvents)
		}
	}
	r.forgetTwins()
	return r.calendar, nil
}

// forgetTwins takes the id from events that have the same one: it does not say which one is which.
func (r *reader) forgetTwins() {
	n := map[string]int{}
	for _, e := range r.calendar.Events {
		n[e.ID]++
	}
	for i := range r.calendar.Events {
		if e := &r.calendar.Events[i]; n[e.ID] > 1 {
			e.ID = ""
		}
	}
}

// checkDepth refuses a file whose components are deep in one another: the parser calls itself. It
// reads lines as the parser does, which joins folded ones and takes BEGIN with parameters.
func checkDepth(file []byte) error {
	depth := 0
	for lines := ics.NewCalendarStream(bytes.NewReader(file)); ; {
		line, err := lines.ReadLine()
		if line == nil {
			return nil
		}
		// What is wrong with a property the parser says.
		if p, wrong := ics.ParseProperty(*line); wrong == nil && p != nil {
			switch strings.ToUpper(p.IANAToken) {
			case "BEGIN":
				depth++
			case "END":
				depth--
			}
		}
		if depth > maxDepth {
			return errors.New("this is no calendar: its parts are too deep in one another")
		}
		if err != nil {
			return nil
		}
	}
}

type reader struct {
	Options
	calendar *Calendar
	instead  map[string]map[string]bool // the days of events that repeat for which another event stands
	years    int                        // that were looked at for rules
}

// dateOnly is a date in a calendar.
const dateOnly = "20060102"

func (r *reader) leave(why Reason) { r.calendar.Left[why]++ }

// event takes an event, or counts why not.
func (r *reader) event(e *ics.VEvent) {
	if strings.EqualFold(text(e, ics.ComponentPropertyStatus), "CANCELLED") {
		r.leave(Cancelled)
		return
	}
	first, days, why := span(e)
	if why == "" && days > r.MaxDays {
		why = Long
	}
	if why != "" {
		r.leave(why)
		return
	}
	uid := text(e, ics.ComponentPropertyUniqueId)
	one := Event{Name: text(e, ics.ComponentPropertySummary), First: first, Last: first.AddDate(0, 0, days-1)}
	at := text(e, ics.ComponentPropertyRecurrenceId)
	switch rule := text(e, ics.ComponentPropertyRrule); {
	case at != "":
		day, err := time.Parse(dateOnly, at[:min(len(at), len(dateOnly))])
		if err != nil {
			r.leave(Undated)
			return
		}
		one.ID = occurrence(uid, day)
		r.add(one)
	case rule == "" && text(e, ics.ComponentPropertyRdate) == "":
		one.ID = identity(uid)
		r.add(one)
	default:
		repeated, why := r.repeat(e, uid, rule, first, days)
		if why != "" {
			r.leave(why)
			return
		}
		if repeated == nil { // on the same days of each year, for ever
			one.ID, one.Yearly = identity(uid), true
			r.calendar.Events = append(r.calendar.Events, one)
			return
		}
		for _, day := range repeated {
			one.ID, one.First, one.Last = occurrence(uid, day), day, day.AddDate(0, 0, days-1)
			r.add(one)
		}
	}
}

// add takes an event of one time, if it is of the days that are asked for.
func (r *reader) add(e Event) {
	switch {
	case e.Last.Before(r.From):
		r.leave(Past)
	case e.First.Year() > r.To:
		r.leave(Far)
	default:
		r.calendar.Events = append(r.calendar.Events, e)
	}
}

// occurrence returns the id of one time of an event that repeats, which is on a day by its rule.
func occurrence(uid string, day time.Time) string {
	if uid == "" {
		return ""
	}
	return identity(uid + "/" + day.Format(dateOnly))
}

// identity bounds an id; "" stays so.
func identity(id string) string {
	if len(id) <= maxID && strings.ToValidUTF8(id, "") == id && !strings.ContainsRune(id, 0) {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}

// text returns the value of a property; "": it has none.
func text(e *ics.VEvent, property ics.ComponentProperty) string {
	if p := e.GetProperty(property); p != nil {
		return strings.TrimSpace(p.Value)
	}
	return ""
}

// span returns the first day of an event and how many it has.
func span(e *ics.VEvent) (first time.Time, days int, why Reason) {
	first, why = date(e, ics.ComponentPropertyDtStart)
	if why != "" {
		return first, 0, why
	}
	if text(e, ics.ComponentPropertyDtEnd) != "" {
		end, why := date(e, ics.ComponentPropertyDtEnd)
		if why != "" {
			return first, 0, why
		}
		// Some programs write the day itself as its end.
		return first, max(1, int(end.Sub(first)/(24*time.Hour))), ""
	}
	var n int
	switch long := strings.ToUpper(text(e, ics.ComponentPropertyDuration)); {
	case long == "":
		n = 1
	case scan(long, "P%dD", &n):
	case scan(long, "P%dW", &n):
		n *= 7
	default:
		return first, 0, Timed
	}
	return first, n, ""
}

// scan reads a duration of whole days or weeks, up to ten years.
func scan(text, format string, n *int) bool {
	got, err := fmt.Sscanf(text, format, n)
	return err == nil && got == 1 && *n > 0 && *n < 3660 && fmt.Sprintf(format, *n) == text
}

// date returns the day of a property. A time is none, but for midnight of a place's clock, as some
// programs write a day.
func date(e *ics.VEvent, property ics.ComponentProperty) (time.Time, Reason) {
	written := text(e, property)
	day, clock, timed := strings.Cut(written, "T")
	t, err := time.Parse(dateOnly, day)
	switch {
	case err != nil || t.Year() < 1:
		return t, Undated
	case timed && clock != "000000":
		return t, Timed
	}
	return t, ""
}
