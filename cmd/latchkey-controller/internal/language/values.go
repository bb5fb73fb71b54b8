package language

import (
	"fmt"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/zone"
)

// A said value is written as the language has it.
type said interface{ in(l *Language) string }

// A Name is that of something or somebody, which a page emphasizes.
type Name string

// A List is of names: "Lab, Yard and Hall".
type List []string

func (list List) in(l *Language) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	last := len(list) - 1
	return l.Say(Say("%s and %s", strings.Join(list[:last], ", "), list[last]))
}

// maxSeveral bounds how many names a list of Several has.
const maxSeveral = 5

// Several is a List of names of which the last are counted if they are many: "Lab, Yard, Hall, Attic and 8 more".
type Several []string

func (all Several) in(l *Language) string {
	if len(all) <= maxSeveral {
		return List(all).in(l)
	}
	rest := len(all) - maxSeveral + 1
	return l.Say(Count(rest, "%[2]s and %[1]d more", "%[2]s and %[1]d more", strings.Join(all[:maxSeveral-1], ", ")))
}

// A Series is of sentences, or of parts of one that stand by themselves: with commas between them.
type Series []*Sentence

func (all Series) in(l *Language) string { return l.join(all, ", ") }

// A Join is of sentences, one after the other, each of which stands by itself: with semicolons between them.
type Join []*Sentence

func (all Join) in(l *Language) string {
	between := strings.TrimPrefix(l.pattern(Say("%s; %s")), "%s") // French has a space before it, too
	return l.join(all, strings.TrimSuffix(between, "%s"))
}

// join says sentences with something between them.
func (l *Language) join(all []*Sentence, between string) string {
	texts := make([]string, len(all))
	for i, s := range all {
		texts[i] = l.Say(s)
	}
	return strings.Join(texts, between)
}

// A Decimal is a number with some digits after the point.
type Decimal struct {
	Number float64
	Digits int
}

func (d Decimal) in(l *Language) string { return l.numbers.Sprintf("%.*f", d.Digits, d.Number) }

// Quoted returns a text in quotes, cut after as many letters and escaped: it may be anything that somebody sent.
func Quoted(text string, most int) string { return fmt.Sprintf("%.*q", most, text) }

// The parts of a time that are written, in the zone that it is in. If clocks there show it twice, because they go back, the
// zone's abbreviation stands behind it.
type (
	Date         time.Time // "2 Mar 2026"
	Day          time.Time // "Monday, 2 March 2026"
	Clock        time.Time // "09:05"
	Second       time.Time // "09:05:07"
	Moment       time.Time // "2 Mar 2026, 09:05"
	YearDay      time.Time // "2 March"
	LongDate     time.Time // "2 March 2026"
	Weekday      time.Weekday
	ShortWeekday time.Weekday // "Mon"
)

func (d Date) in(l *Language) string { return l.dates.FmtDateMedium(time.Time(d)) }

func (d Day) in(l *Language) string { return l.dates.FmtDateFull(time.Time(d)) }

func (c Clock) in(l *Language) string {
	return l.dates.FmtTimeShort(time.Time(c)) + which(time.Time(c))
}

func (s Second) in(l *Language) string {
	return l.dates.FmtTimeMedium(time.Time(s)) + which(time.Time(s))
}

func (m Moment) in(l *Language) string { return Date(m).in(l) + ", " + Clock(m).in(l) }

func (d LongDate) in(l *Language) string { return l.dates.FmtDateLong(time.Time(d)) }

func (d YearDay) in(l *Language) string {
	text := strings.TrimSuffix(LongDate(d).in(l), time.Time(d).Format(" 2006"))
	return strings.TrimSuffix(text, " de") // Spanish and Portuguese: "2 de março de 2026"
}

func (d ShortWeekday) in(l *Language) string { return l.dates.WeekdayAbbreviated(time.Weekday(d)) }

func (d Weekday) in(l *Language) string { return l.dates.WeekdayWide(time.Weekday(d)) }

// which says which of two moments is meant that clocks show alike; "": they show it once.
func which(t time.Time) string {
	if zone.Twice(t) {
		return t.Format(" MST")
	}
	return ""
}
