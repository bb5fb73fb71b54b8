package desk

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"latchkey/sync/wire"
)

func TestHoursAreReadAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]wire.Span{
		"":                         nil,
		" , ":                      nil,
		"8-12":                     {{Day: 3, From: 480, To: 720}},
		"00:00-24:00":              {{Day: 3, From: 0, To: 1440}},
		"00:00-00:00":              {{Day: 3, From: 0, To: 1440}},
		"18:00-00:00":              {{Day: 3, From: 1080, To: 1440}},
		"08:00–12:30, 13:00 - 18":  {{Day: 3, From: 480, To: 750}, {Day: 3, From: 780, To: 1080}},
		"08:00-12:00,12:00-18:00,": {{Day: 3, From: 480, To: 720}, {Day: 3, From: 720, To: 1080}},
		"13-18, 8-12":              {{Day: 3, From: 480, To: 720}, {Day: 3, From: 780, To: 1080}},
		"22:00-06:00":              {{Day: 3, From: 1320, To: 1440}, {Day: 4, From: 0, To: 360}},
	} {
		if got, err := ParseHours(map[string]string{"wed": text}); err != nil || !slices.Equal(got.Week, want) || len(got.Holiday) > 0 {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"8": "Enter hours like", "8-": "Enter hours like", "8:60-9": "Enter hours like", "8-25": "Enter hours like", "x-y": "Enter hours like", "-1-3": "Enter hours like",
		"12:00-12:00": "12:00-12:00 is no time at all", "24-6": "24:00-06:00 is no time at all", "8-12, 11-13": "11:00-13:00 overlaps 08:00-12:00", "22-6, 23-24": "23:00-24:00 overlaps 22:00-06:00",
		strings.Repeat("8-9,", 400): "These are too many",
	} {
		if _, err := ParseHours(map[string]string{"wed": text}); !strings.HasPrefix(Fields(err)["wed"].String(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestHoursGoOverMidnight(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		texts map[string]string
		field string // of an error that says wrong
		wrong string
	}{
		{texts: map[string]string{"mon": "18:00-08:00"}},
		{texts: map[string]string{"sun": "22:00-06:00", "mon": "08:00-12:00, 22:00-06:00"}},
		{texts: map[string]string{"fri": "08:00-24:00", "sat": "00:00-10:00"}}, // together more than a day
		{texts: map[string]string{"fri": "12:00-24:00", "sat": "00:00-12:00"}}, // a whole day
		{texts: map[string]string{"mon": "18:00-08:00", "tue": "08:00-12:00"}},
		{texts: map[string]string{"mon": "18:00-08:00", "tue": "07:00-12:00"}, field: "tue", wrong: "07:00-12:00 overlaps Monday's 18:00-08:00: join them, or change one"},
		{texts: map[string]string{"sun": "18:00-08:00", "mon": "00:00-24:00"}, field: "mon", wrong: "Sunday's 18:00-08:00 overlaps 00:00-24:00: join them, or change one"},
		{texts: map[string]string{"holiday": "18:00-08:00"}, field: "holiday", wrong: "18:00-08:00 goes over midnight, and the day after may be no holiday: enter 18:00-24:00"},
		{texts: map[string]string{"holiday": "18:00-24:00"}},
	} {
		s, err := ParseHours(c.texts)
		if c.field != "" {
			if got := Fields(err)[c.field].String(); got != c.wrong {
				t.Errorf("%v: %v", c.texts, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%v: %v", c.texts, err)
			continue
		}
		texts := HoursText(s)
		maps.DeleteFunc(texts, func(_, hours string) bool { return hours == "" })
		if !maps.Equal(texts, c.texts) {
			t.Errorf("%v are shown as %v", c.texts, texts)
		}
	}
	sunday, err := ParseHours(map[string]string{"sun": "22:00-06:00"})
	if want := []wire.Span{{Day: 1, From: 0, To: 360}, {Day: 0, From: 1320, To: 1440}}; err != nil || !slices.Equal(sunday.Week, want) {
		t.Errorf("%v, %v", sunday, err)
	}
}

// anyHours draws a schedule that is open at some time, without overlaps.
func anyHours(t *rapid.T) *wire.Schedule {
	s := new(wire.Schedule)
	for len(s.Week)+len(s.Holiday) == 0 {
		for _, d := range Days() {
			bounds := rapid.SliceOfNDistinct(rapid.OneOf(rapid.SampledFrom([]int{0, 1440}), rapid.IntRange(0, 1440)), 0, 6, rapid.ID[int]).Draw(t, d.Key)
			slices.Sort(bounds)
			for i := 0; i+1 < len(bounds); i += 2 {
				span := wire.Span{Day: d.day % holiday, From: uint16(bounds[i]), To: uint16(bounds[i+1])}
				if d.day == holiday {
					s.Holiday = append(s.Holiday, span)
				} else {
					s.Week = append(s.Week, span)
				}
			}
		}
	}
	return s
}

func TestHoursThatAreShownAndSavedStayWhatTheyWere(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := anyHours(t)
		again, err := ParseHours(HoursText(s))
		if err != nil || !slices.Equal(again.Week, s.Week) || !slices.Equal(again.Holiday, s.Holiday) {
			t.Fatalf("%v\nare shown as %v\nand read as %v, %v", s, HoursText(s), again, err)
		}
	})
}

func TestHoursAreALineInWhichDaysThatAreAlikeStandTogether(t *testing.T) {
	t.Parallel()
	for want, texts := range map[string]map[string]string{
		"never":           nil,
		"Mon 08:00-18:00": {"mon": "8-18"},
		"Mon-Fri 08:00-12:00 and 13:00-18:00, Sun 10:00-12:00, holidays 10:00-12:00": {
			"mon": "8-12, 13-18", "tue": "8-12, 13-18", "wed": "8-12, 13-18", "thu": "8-12, 13-18", "fri": "8-12, 13-18", "sun": "10-12", "holiday": "10-12",
		},
		"Mon 22:00-06:00, Wed-Thu 22:00-06:00":      {"mon": "22-6", "wed": "22-6", "thu": "22-6"},
		"Mon-Sun 00:00-24:00, holidays 00:00-24:00": {"mon": "0-24", "tue": "0-24", "wed": "0-24", "thu": "0-24", "fri": "0-24", "sat": "0-24", "sun": "0-24", "holiday": "0-24"},
	} {
		hours, err := ParseHours(texts)
		if got := HoursLine(hours).String(); err != nil || got != want {
			t.Errorf("%q, not %q, %v", got, want, err)
		}
	}
	if got := HoursLine(nil).String(); got != "always" {
		t.Error(got)
	}
}

func TestHoursThatGoOnAfterMidnightAreSaidToDoSo(t *testing.T) {
	days := Days()
	for _, c := range []struct {
		day        int
		text, want string
	}{
		{0, "22:00-06:00", "Monday 22:00 until Tuesday 06:00"}, {6, "8-12, 22-6:30", "Sunday 22:00 until Monday 06:30"}, {4, "18-8, 10-12", "Friday 18:00 until Saturday 08:00"}, {0, "8-24", ""}, {0, "22-0", ""}, {0, "", ""}, {0, "x", ""}, {7, "22-6", ""},
	} {
		if got := days[c.day].Overnight(c.text).String(); got != c.want {
			t.Errorf("%s %q: %q, not %q", days[c.day].Name, c.text, got, c.want)
		}
	}
}
