package icalendar

import (
	"errors"
	"slices"
	"strings"
	"time"

	ics "github.com/arran4/golang-ical"
	"github.com/teambition/rrule-go"
)

// errRule refuses a rule by which no holidays repeat.
var errRule = errors.New("the rule is not one of years")

// Bounds of the work. What would be more is left out as Repeats.
const (
	maxRepeats = 1000   // days of one event: what is on more is no holiday
	maxCounted = 50     // years that are gone: the times of a rule with a COUNT are counted from the first
	maxYears   = 40_000 // that are looked at for all rules of a file
)

// repeat returns the first days of an event of some days that repeats, of those that are asked for,
// or why there are none; nil: it is on the days of the first one each year, without an end or an
// exception.
func (r *reader) repeat(e *ics.VEvent, uid, rule string, first time.Time, long int) (found []time.Time, why Reason) {
	without, days := dates(e, ics.ComponentPropertyExdate), dates(e, ics.ComponentPropertyRdate)
	later := false
	if rule != "" {
		o, err := yearly(rule, first)
		if err != nil {
			return nil, Repeats
		}
		if plain(o, first) && len(without)+len(days)+len(r.instead[uid]) == 0 {
			return nil, ""
		}
		var ruled []time.Time
		if ruled, later, err = r.ruled(o, long); err != nil {
			return nil, Repeats
		}
		days = append(days, ruled...)
	}
	days = append(days, first)
	slices.SortFunc(days, time.Time.Compare)
	if why = Past; later || days[len(days)-1].Year() > r.To {
		why = Far
	}
	found = []time.Time{} // not nil
	gone := map[time.Time]bool{}
	for _, day := range without {
		gone[day] = true
	}
	for _, day := range slices.Compact(days) {
		switch {
		case day.AddDate(0, 0, long-1).Before(r.From) || day.Year() > r.To:
		case r.instead[uid][day.Format(dateOnly)]:
			why = "" // another event tells of this day
		case !gone[day]:
			found = append(found, day)
		case why != "":
			why = Cancelled
		}
	}
	if len(found) > 0 {
		why = ""
	}
	return found, why
}

// ruled returns the days of a rule: at least all of those that are asked for, and of the events of
// some days that reach into them. later says whether the rule goes on afterwards.
func (r *reader) ruled(o *rrule.ROption, long int) (days []time.Time, later bool, err error) {
	every, year := max(1, o.Interval), o.Dtstart.Year()
	if begin := r.From.AddDate(0, 0, -long).Year(); o.Count == 0 {
		year += max(0, begin-year) / every * every
	} else if begin-year > maxCounted {
		return nil, false, errRule
	}
	for ; year <= r.To; year += every {
		if r.years++; r.years > maxYears {
			return nil, false, errRule
		}
		of, err := ofYear(*o, year)
		if err != nil {
			return nil, false, err
		}
		for _, day := range of {
			switch {
			case day.Before(o.Dtstart):
				continue
			case !o.Until.IsZero() && day.After(o.Until), o.Count > 0 && len(days) == o.Count:
				return days, false, nil
			case len(days) == maxRepeats:
				return nil, false, errRule
			}
			days = append(days, day)
		}
	}
	return days, o.Until.IsZero() || o.Until.Year() > r.To, nil
}

// ofYear returns the days of a year by a rule. The rule alone would look for the next day until
// the year 9999, if there is none: the 30th of February.
func ofYear(o rrule.ROption, year int) ([]time.Time, error) {
	o.Dtstart, o.Interval = time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC), rrule.MAXYEAR
	o.Count, o.Until = 0, time.Time{}
	rule, err := rrule.NewRRule(o)
	if err != nil {
		return nil, err
	}
	return rule.All(), nil
}

// yearly parses a rule of years. What it takes from the first day it says itself.
func yearly(rule string, first time.Time) (*rrule.ROption, error) {
	if len(rule) > maxRule {
		return nil, errRule
	}
	o, err := rrule.StrToROption(rule)
	if err != nil {
		return nil, err
	}
	if o.Freq != rrule.YEARLY || o.Interval < 0 || o.Interval > 100 || o.Count < 0 || len(o.Byhour)+len(o.Byminute)+len(o.Bysecond)+len(o.Byeaster) > 0 {
		return nil, errRule
	}
	for _, day := range o.Byweekday {
		if len(o.Bymonth) > 0 && (day.N() < -5 || day.N() > 5) { // the library does not bound it
			return nil, errRule
		}
	}
	if len(o.Byweekno)+len(o.Byyearday)+len(o.Bymonthday)+len(o.Byweekday) == 0 {
		if len(o.Bymonth) == 0 {
			o.Bymonth = []int{int(first.Month())}
		}
		o.Bymonthday = []int{first.Day()}
	}
	o.Dtstart = first
	return o, nil
}

// plain says whether a rule is of the same day each year, without an end.
func plain(o *rrule.ROption, first time.Time) bool {
	is := func(list []int, value int) bool { return len(list) == 0 || len(list) == 1 && list[0] == value }
	return o.Interval <= 1 && o.Count == 0 && o.Until.IsZero() && len(o.Bysetpos)+len(o.Byyearday)+len(o.Byweekno)+len(o.Byweekday) == 0 &&
		is(o.Bymonth, int(first.Month())) && is(o.Bymonthday, first.Day()) && (len(o.Bymonthday) == 0 || len(o.Bymonth) == 1)
}

// dates returns the days that all properties of a kind list.
func dates(e *ics.VEvent, property ics.ComponentProperty) (days []time.Time) {
	for _, p := range e.Properties {
		if p.IANAToken != string(property) || len(p.Value) > maxText {
			continue
		}
		for one := range strings.SplitSeq(p.Value, ",") {
			if day, err := time.Parse(dateOnly, one[:min(len(one), len(dateOnly))]); err == nil {
				days = append(days, day)
			}
		}
	}
	return days
}
