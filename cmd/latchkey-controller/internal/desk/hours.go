package desk

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

// A Day is a row of a schedule as people write it.
type Day struct {
	Key  string // the field's name: "mon", "holiday"
	Name string // for programs: "Monday", "Holidays"
	day  uint8  // of the week, as in wire.Span; holiday: of Holiday
}

// holiday is the day of the row of holidays, which no week has.
const holiday = 7

// Days are the rows of a schedule, Monday first, holidays last.
func Days() []Day {
	return []Day{{"mon", "Monday", 1}, {"tue", "Tuesday", 2}, {"wed", "Wednesday", 3}, {"thu", "Thursday", 4}, {"fri", "Friday", 5}, {"sat", "Saturday", 6}, {"sun", "Sunday", 0}, {"holiday", "Holidays", holiday}}
}

// Said returns the day's name for people.
func (d Day) Said() *language.Sentence {
	if d.day == holiday {
		return language.Say("Holidays")
	}
	return language.Say("%s", language.Weekday(d.day))
}

// Short returns the day's name in about three letters.
func (d Day) Short() *language.Sentence {
	if d.day == holiday {
		return language.Say("Hol¦Holidays, in three letters")
	}
	return language.Say("%s", language.ShortWeekday(d.day))
}

// next is the day after a day of the week.
func (d Day) next() uint8 { return (d.day + 1) % 7 }

// Spans returns what a schedule has on the day itself, in order.
func (d Day) Spans(s *wire.Schedule) (spans []wire.Span) {
	if d.day == holiday {
		spans = slices.Clone(s.Holiday)
	}
	for _, span := range s.Week {
		if span.Day == d.day {
			spans = append(spans, span)
		}
	}
	slices.SortFunc(spans, func(a, b wire.Span) int { return cmp.Compare(a.From, b.From) })
	return spans
}

// endOfDay is the minute at which a day ends.
const endOfDay = 24 * 60

// HoursText returns the hours of a schedule by the keys of Days, as ParseHours reads them:
// "08:00-12:00, 13:00-18:00"; "": closed. Hours over midnight stand on the day on which they
// begin.
func HoursText(s *wire.Schedule) map[string]string {
	spans, texts := map[uint8][]wire.Span{}, map[string]string{}
	for _, d := range Days() {
		spans[d.day] = d.Spans(s)
	}
	over := map[uint8]uint16{} // when what begins on a day ends on the next one
	for _, d := range Days()[:7] {
		if end, ok := overnight(spans[d.day], spans[d.next()]); ok {
			over[d.day] = end
		}
	}
	for _, d := range Days() {
		var hours []string
		for i, span := range spans[d.day] {
			end, ok := over[d.day]
			_, before := over[(d.day+6)%7]
			switch {
			case i == 0 && before && d.day != holiday: // stands on the day before
			case ok && i == len(spans[d.day])-1:
				hours = append(hours, clockText(span.From)+"-"+clockText(end))
			default:
				hours = append(hours, spanText(span))
			}
		}
		texts[d.Key] = strings.Join(hours, ", ")
	}
	return texts
}

// HoursLine returns hours as one line: "Mon-Fri 08:00-12:00 and 13:00-18:00, holidays
// 10:00-12:00"; nil: "always".
func HoursLine(s *wire.Schedule) *language.Sentence {
	if s == nil {
		return language.Say("always")
	}
	texts, days := HoursText(s), Days()
	var all language.Series
	for i := 0; i < len(days); {
		first, last := days[i], days[i]
		hours := texts[first.Key]
		for i++; i < len(days) && days[i].day != holiday && texts[days[i].Key] == hours; i++ {
			last = days[i]
		}
		times := timesText(hours)
		switch {
		case hours == "":
		case first.day == holiday:
			all = append(all, language.Say("holidays %s", times))
		case last.day != first.day:
			all = append(all, language.Say("%s-%s %s", first.Short(), last.Short(), times))
		default:
			all = append(all, language.Say("%s %s", first.Short(), times))
		}
	}
	if len(all) == 0 {
		return language.Say("never")
	}
	return language.Say("%s", all)
}

// timesText returns the hours of a day as part of a line: "08:00-12:00 and 13:00-18:00".
func timesText(hours string) (all *language.Sentence) {
	for one := range strings.SplitSeq(hours, ", ") {
		if all == nil {
			all = language.Data(one)
			continue
		}
		all = language.Say("%s and %s", all, one)
	}
	return all
}

func spanText(s wire.Span) string { return clockText(s.From) + "-" + clockText(s.To) }

// overnight returns when the last span of a day ends on the next one: it goes on there, for
// less than 24 hours in all.
func overnight(day, next []wire.Span) (end uint16, ok bool) {
	if len(day) == 0 || len(next) == 0 {
		return 0, false
	}
	last, first := day[len(day)-1], next[0]
	return first.To, last.To == endOfDay && first.From == 0 && first.To < last.From
}

// ParseHours returns the schedule of hours as HoursText writes them. Hours that end before they
// begin go on after midnight. Fields: the keys of Days.
func ParseHours(texts map[string]string) (*wire.Schedule, error) {
	var wrongs FieldErrors
	s := new(wire.Schedule)
	spans := map[uint8][]typedSpan{}
	for _, d := range Days() {
		typed, err := d.parse(texts[d.Key])
		wrongs.add(wrongField(d.Key, err))
		for _, span := range typed {
			spans[span.on] = append(spans[span.on], span)
		}
	}
	for _, d := range Days() {
		day := spans[d.day]
		slices.SortStableFunc(day, func(a, b typedSpan) int { return cmp.Compare(a.From, b.From) })
		for i, span := range day {
			if i > 0 && span.From < day[i-1].To {
				wrongs.add(wrong(d.Key, "%s overlaps %s: join them, or change one", span.name(d), day[i-1].name(d)))
			}
			if d.day == holiday {
				s.Holiday = append(s.Holiday, span.Span)
			} else {
				s.Week = append(s.Week, span.Span)
			}
		}
	}
	if err := wrongs.err(); err != nil {
		return nil, err
	}
	return s, wrongField("mon", s.Check())
}

// Overnight says of hours, as they are typed on a day, which of them end on the next one: "Monday
// 22:00 until Tuesday 06:00"; nil: none do.
func (d Day) Overnight(text string) *language.Sentence {
	spans, err := d.parse(text)
	if err != nil {
		return nil
	}
	for i, span := range spans {
		for _, next := range Days() {
			if span.on != d.day && next.day == span.on {
				return language.Say("%s %s until %s %s¦day, o'clock, day, o'clock", d.Said(), clockText(spans[i-1].From), next.Said(), clockText(span.To))
			}
		}
	}
	return nil
}

// A typedSpan is a span, or a part of one that goes over midnight, with how it was typed.
type typedSpan struct {
	wire.Span
	on   uint8 // the day, or holiday
	text string
	of   Day // where it was typed
}

// name is how an error on a day calls the span.
func (s typedSpan) name(on Day) *language.Sentence {
	if s.of != on {
		return language.Say("%s's %s¦a weekday and hours of it", s.of.Said(), s.text)
	}
	return language.Data(s.text)
}

// maxDayText bounds the hours of a day as text, in bytes.
const maxDayText = 1024

// parse parses the hours of a day.
func (d Day) parse(text string) (spans []typedSpan, err error) {
	if len(text) > maxDayText {
		return nil, language.Say("these are too many hours for one day: enter fewer, longer ones")
	}
	add := func(day uint8, from, to uint16, text string) {
		span := typedSpan{wire.Span{Day: day % holiday, From: from, To: to}, day, text, d}
		spans = append(spans, span)
	}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		from, to, ok := strings.Cut(strings.ReplaceAll(part, "–", "-"), "-")
		begin, err1 := parseMinute(from)
		end, err2 := parseMinute(to)
		if end == 0 { // midnight, as people also write it
			end = endOfDay
		}
		if !ok || err1 != nil || err2 != nil {
			return nil, language.Say(`enter hours like 08:00-12:00, 13:00-18:00, not "%s"`, Clean(cut(part, 40)))
		}
		part = clockText(begin) + "-" + clockText(end)
		switch {
		case begin == end || begin == endOfDay:
			return nil, language.Say("%s is no time at all; the whole day is 00:00-24:00", part)
		case begin < end:
			add(d.day, begin, end, part)
		case d.day == holiday:
			return nil, language.Say("%s goes over midnight, and the day after may be no holiday: enter %s-24:00", part, clockText(begin))
		default:
			add(d.day, begin, endOfDay, part)
			add(d.next(), 0, end, part)
		}
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
	if err != nil || m > 59 || h*60+m > endOfDay {
		return 0, errors.New("not a time of day")
	}
	return uint16(h*60 + m), nil
}

func clockText(minute uint16) string { return fmt.Sprintf("%02d:%02d", minute/60, minute%60) }
