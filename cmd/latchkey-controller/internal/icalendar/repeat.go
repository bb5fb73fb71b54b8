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

// maxRepeats bounds how often an event is looked at: one that began centuries ago is not a holiday.
const maxRepeats = 1000

// repeat returns the first days of an event of some days that repeats, in the years; nil: it is on
// the days of the first one each year, without an end or an exception.
func (r *reader) repeat(e *ics.VEvent, uid, rule string, first time.Time, long int) ([]time.Time, error) {
	left, more := dates(e, ics.ComponentPropertyExdate), dates(e, ics.ComponentPropertyRdate)
	days := append(more, first)
	if rule != "" {
		o, err := yearly(rule, first)
		if err != nil {
			return nil, err
		}
		if plain(o, first) && len(left)+len(more)+len(r.instead[uid]) == 0 {
			return nil, nil
		}
		by, err := rrule.NewRRule(*o)
		if err != nil {
			return nil, err
		}
		next := by.Iterator()
		for range maxRepeats {
			day, ok := next()
			if !ok || day.Year() > r.To {
				break
			}
			days = append(days, day)
		}
	}
	slices.SortFunc(days, time.Time.Compare)
	found := []time.Time{} // not nil
	for _, day := range slices.Compact(days) {
		if written := day.Format(dateOnly); day.AddDate(0, 0, long-1).Year() >= r.From && day.Year() <= r.To && !slices.ContainsFunc(left, day.Equal) && !r.instead[uid][written] {
			found = append(found, day)
		}
	}
	return found, nil
}

// yearly parses a rule of years.
func yearly(rule string, first time.Time) (*rrule.ROption, error) {
	if len(rule) > maxText {
		return nil, errRule
	}
	o, err := rrule.StrToROption(rule)
	if err != nil {
		return nil, err
	}
	if o.Freq != rrule.YEARLY || o.Interval < 0 || o.Interval > 100 || len(o.Byhour)+len(o.Byminute)+len(o.Bysecond) > 0 {
		return nil, errRule
	}
	o.Dtstart = first
	return o, nil
}

// plain says whether a rule is of the same day each year, without an end.
func plain(o *rrule.ROption, first time.Time) bool {
	is := func(list []int, value int) bool { return len(list) == 0 || len(list) == 1 && list[0] == value }
	return o.Interval <= 1 && o.Count == 0 && o.Until.IsZero() && len(o.Bysetpos)+len(o.Byyearday)+len(o.Byweekno)+len(o.Byweekday)+len(o.Byeaster) == 0 &&
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
