package icalendar

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// calendar returns a file with events, whose lines are given without their frames.
func calendar(events ...string) []byte {
	text := "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//EN\n"
	for _, e := range events {
		text += "BEGIN:VEVENT\n" + e + "\nEND:VEVENT\n"
	}
	return []byte(strings.ReplaceAll(text+"END:VCALENDAR\n", "\n", "\r\n"))
}

// asked is what the tests ask for.
func asked() Options {
	return Options{From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), To: 2029, MaxDays: 100}
}

func read(t *testing.T, file []byte) (found []string, left map[Reason]int) {
	t.Helper()
	c, err := Read(t.Context(), file, asked())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range c.Events {
		one := e.First.Format(time.DateOnly)
		if e.Last != e.First {
			one += ".." + e.Last.Format(time.DateOnly)
		}
		if e.Yearly {
			one += " yearly"
		}
		found = append(found, fmt.Sprintf("%s %q %s", e.ID, e.Name, one))
	}
	return found, c.Left
}

func TestTheDaysOfACalendarAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		events []string
		want   []string
		left   map[Reason]int
	}{
		"one day": {
			events: []string{"UID:a\nSUMMARY:Labour Day\nDTSTART;VALUE=DATE:20260501\nDTEND;VALUE=DATE:20260502", "UID:b\nSUMMARY:No end\nDTSTART;VALUE=DATE:20260502", "UID:c\nSUMMARY:Ends as it begins\nDTSTART;VALUE=DATE:20260503\nDTEND;VALUE=DATE:20260503"},
			want:   []string{`a "Labour Day" 2026-05-01`, `b "No end" 2026-05-02`, `c "Ends as it begins" 2026-05-03`},
		},
		"several days, commas and folded lines": {
			events: []string{"UID:a\nSUMMARY:Christmas\\, and\n  Boxing Day\nDTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261227", "UID:b\nSUMMARY:By length\nDTSTART;VALUE=DATE:20261231\nDURATION:P2D", "UID:c\nDTSTART;VALUE=DATE:20270705\nDURATION:P1W"},
			want:   []string{`a "Christmas, and Boxing Day" 2026-12-25..2026-12-26`, `b "By length" 2026-12-31..2027-01-01`, `c "" 2027-07-05..2027-07-11`},
		},
		"midnight to midnight": {
			events: []string{"UID:a\nSUMMARY:Day\nDTSTART;TZID=Europe/Zurich:20260801T000000\nDTEND;TZID=Europe/Zurich:20260802T000000"},
			want:   []string{`a "Day" 2026-08-01`},
		},
		"each year": {
			events: []string{"UID:a\nSUMMARY:New Year\nDTSTART;VALUE=DATE:19700101\nRRULE:FREQ=YEARLY", "UID:b\nSUMMARY:Christmas\nDTSTART;VALUE=DATE:20201224\nDTEND;VALUE=DATE:20201227\nRRULE:FREQ=YEARLY;INTERVAL=1;BYMONTH=12;BYMONTHDAY=24"},
			want:   []string{`a "New Year" 1970-01-01 yearly`, `b "Christmas" 2020-12-24..2020-12-26 yearly`},
		},
		"on another day each year": {
			events: []string{"UID:a\nSUMMARY:Thanksgiving\nDTSTART;VALUE=DATE:20151126\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH"},
			want:   []string{`a/20261126 "Thanksgiving" 2026-11-26`, `a/20271125 "Thanksgiving" 2027-11-25`, `a/20281123 "Thanksgiving" 2028-11-23`, `a/20291122 "Thanksgiving" 2029-11-22`},
		},
		"until, without one, with another instead": {
			events: []string{"UID:a\nSUMMARY:Fair\nDTSTART;VALUE=DATE:20200601\nRRULE:FREQ=YEARLY;UNTIL=20280601\nEXDATE;VALUE=DATE:20260601", "UID:a\nSUMMARY:Great fair\nRECURRENCE-ID;VALUE=DATE:20270601\nDTSTART;VALUE=DATE:20270605\nDTEND;VALUE=DATE:20270607"},
			want:   []string{`a/20280601 "Fair" 2028-06-01`, `a/20270601 "Great fair" 2027-06-05..2027-06-06`},
		},
		"every other year, and listed days": {
			events: []string{"UID:a\nSUMMARY:Show\nDTSTART;VALUE=DATE:20250601\nRRULE:FREQ=YEARLY;INTERVAL=2", "UID:b\nSUMMARY:Listed\nDTSTART;VALUE=DATE:20260301\nRDATE;VALUE=DATE:20270302,20280303"},
			want:   []string{`a/20270601 "Show" 2027-06-01`, `a/20290601 "Show" 2029-06-01`, `b/20260301 "Listed" 2026-03-01`, `b/20270302 "Listed" 2027-03-02`, `b/20280303 "Listed" 2028-03-03`},
		},
		"two days of a year, by one rule": {
			events: []string{"UID:a\nSUMMARY:Christmas\nDTSTART;VALUE=DATE:20281225\nRRULE:FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=25,26"},
			want:   []string{`a/20281225 "Christmas" 2028-12-25`, `a/20281226 "Christmas" 2028-12-26`, `a/20291225 "Christmas" 2029-12-25`, `a/20291226 "Christmas" 2029-12-26`},
		},
		"ids that are none": {
			events: []string{"UID:a\nSUMMARY:One\nDTSTART;VALUE=DATE:20260101", "UID:a\nSUMMARY:Two\nDTSTART;VALUE=DATE:20260102", "SUMMARY:Three\nDTSTART;VALUE=DATE:20260103\nRRULE:FREQ=YEARLY;COUNT=1", "SUMMARY:Four\nDTSTART;VALUE=DATE:20260104\nRECURRENCE-ID:20260103"},
			want:   []string{` "One" 2026-01-01`, ` "Two" 2026-01-02`, ` "Three" 2026-01-03`, ` "Four" 2026-01-04`},
		},
		"begun long ago": {
			events: []string{"UID:a\nDTSTART;VALUE=DATE:10000601\nRRULE:FREQ=YEARLY;UNTIL=20260601", "UID:b\nDTSTART;VALUE=DATE:20001231\nDTEND;VALUE=DATE:20010102\nRRULE:FREQ=YEARLY;INTERVAL=5;UNTIL=20261231", "UID:c\nDTSTART;VALUE=DATE:20160801\nRRULE:FREQ=YEARLY;COUNT=11", "UID:d\nDTSTART;VALUE=DATE:20000229\nRRULE:FREQ=YEARLY;BYMONTHDAY=-1;BYMONTH=2;UNTIL=20270101"},
			want:   []string{`a/20260601 "" 2026-06-01`, `b/20251231 "" 2025-12-31..2026-01-01`, `c/20260801 "" 2026-08-01`, `d/20260228 "" 2026-02-28`},
		},
		"no day is left": {
			events: []string{"UID:a\nDTSTART;VALUE=DATE:20160801\nRRULE:FREQ=YEARLY;COUNT=10", "UID:b\nDTSTART;VALUE=DATE:20160801\nRRULE:FREQ=YEARLY;UNTIL=20251231", "UID:c\nDTSTART;VALUE=DATE:20200101\nRDATE:20210101", "UID:d\nDTSTART;VALUE=DATE:20250101\nRRULE:FREQ=YEARLY;INTERVAL=5",
				"UID:e\nDTSTART;VALUE=DATE:20000228\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "UID:f\nDTSTART;VALUE=DATE:20300101\nRRULE:FREQ=YEARLY;COUNT=2", "UID:g\nDTSTART;VALUE=DATE:18000101\nRRULE:FREQ=YEARLY;COUNT=300", "UID:h\nDTSTART;VALUE=DATE:20000101\nRRULE:FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR",
				"UID:i\nDTSTART;VALUE=DATE:20260101\nRRULE:FREQ=YEARLY;COUNT=1\nEXDATE:20260101", "UID:j\nDTSTART;VALUE=DATE:20200101\nRRULE:FREQ=YEARLY;BYEASTER=-300", "UID:k\nDTSTART;VALUE=DATE:20200101\nRRULE:FREQ=YEARLY;BYMONTH=1;BYDAY=-53MO"},
			left: map[Reason]int{Past: 3, Far: 3, Repeats: 4, Cancelled: 1},
		},
		"what is left out": {
			events: []string{"UID:a\nDTSTART;VALUE=DATE:20250101", "UID:b\nDTSTART;VALUE=DATE:20300101", "UID:c\nDTSTART:20260101T090000Z\nDTEND:20260101T100000Z", "UID:d\nDTSTART;VALUE=DATE:20260101\nRRULE:FREQ=WEEKLY",
				"UID:e\nDTSTART;VALUE=DATE:20260101\nDTEND;VALUE=DATE:20260601", "UID:f\nDTSTART;VALUE=DATE:20260101\nSTATUS:CANCELLED", "UID:g\nSUMMARY:None", "UID:h\nDTSTART;VALUE=DATE:20260230", "UID:i\nDTSTART;VALUE=DATE:20260101\nRRULE:FREQ=YEARLY;BYHOUR=1,2,3", "UID:j\nDTSTART;VALUE=DATE:20260101\nDURATION:PT1H"},
			left: map[Reason]int{Past: 1, Far: 1, Timed: 2, Repeats: 2, Long: 1, Cancelled: 1, Undated: 2},
		},
	} {
		found, left := read(t, calendar(c.events...))
		if !slices.Equal(found, c.want) || fmt.Sprint(left) != fmt.Sprint(c.left) && len(left)+len(c.left) > 0 {
			t.Errorf("%s: %q, left %v\nnot %q, left %v", name, found, left, c.want, c.left)
		}
	}
}

func TestWhatIsNoCalendarIsRefused(t *testing.T) {
	for name, file := range map[string][]byte{
		"nothing":    nil,
		"words":      []byte("Dear reader,\n"),
		"a page":     []byte("<!DOCTYPE html><html></html>"),
		"cut off":    calendar("UID:a\nDTSTART;VALUE=DATE:20260101")[:90],
		"too large":  slices.Concat(calendar(), make([]byte, MaxFile)),
		"too deep":   []byte("BEGIN:VCALENDAR\r\n" + strings.Repeat("begin:X\r\n", 1000)),
		"too many":   calendar(slices.Repeat([]string{"UID:a"}, maxEvents+1)...),
		"no letters": {0xff, 0xfe, 0, 0},
	} {
		if c, err := Read(t.Context(), file, asked()); err == nil {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

// The parser joins folded lines, takes parameters of a BEGIN, and skips what stands before it.
func TestPartsTooDeepInOneAnotherAreSeenHoweverTheyAreWritten(t *testing.T) {
	for _, begin := range []string{"BEGIN:X\r\n", "begin:X\n", "B\r\n EGIN:X\r\n", "BEGIN\n\t:X\n", "BEGIN;A=1:X\r\n", "!BEGIN:X\r\n"} {
		file := "BEGIN:VCALENDAR\r\n" + strings.Repeat(begin+"A:1\r\n", 1000)
		if _, err := Read(t.Context(), []byte(file), asked()); err == nil || !strings.Contains(err.Error(), "too deep") {
			t.Errorf("%q: %.200v", begin, err)
		}
	}
}

// A rule of no day is looked at in the years that are asked for alone, and a file has bounds as a whole.
func TestAFileIsReadWithBoundedWork(t *testing.T) {
	impossible := calendar(slices.Repeat([]string{"DTSTART:20260228\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}, 4700)...)
	begun := time.Now()
	c, err := Read(t.Context(), impossible, asked())
	if took := time.Since(begun); err != nil || len(c.Events) != 4700 || took > 20*time.Second {
		t.Errorf("%v after %v", err, took)
	}
	if c, err := Read(t.Context(), calendar(slices.Repeat([]string{"DTSTART:19760801\nRRULE:FREQ=YEARLY;COUNT=60"}, 1000)...), asked()); err != nil || c.Left[Repeats] < 200 {
		t.Errorf("%v, and %v is left", err, c)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Read(done, impossible, asked()); !errors.Is(err, context.Canceled) {
		t.Errorf("when nobody waits for it: %v", err)
	}
	if c, err := Read(t.Context(), calendar(slices.Repeat([]string{"DTSTART:20260101\nRRULE:FREQ=YEARLY;BYDAY=MO,TU,WE"}, 4700)...), asked()); err == nil {
		t.Errorf("%d events", len(c.Events))
	}
}

func FuzzRead(f *testing.F) {
	f.Add(calendar("UID:a\nSUMMARY:Fair\nDTSTART;VALUE=DATE:20200601\nRRULE:FREQ=YEARLY;UNTIL=20280601;BYDAY=-1MO;BYSETPOS=1\nEXDATE;VALUE=DATE:20260601\nRDATE:20270101"))
	f.Add(calendar("UID:a\nRECURRENCE-ID:2026\nDTSTART:20260101T000000\nDURATION:P3W\nRRULE:FREQ=YEARLY;BYWEEKNO=53;INTERVAL=0"))
	f.Fuzz(func(t *testing.T, file []byte) {
		c, err := Read(t.Context(), file, asked())
		if err != nil {
			return
		}
		for _, e := range c.Events {
			days := int(e.Last.Sub(e.First)/(24*time.Hour)) + 1
			if days < 1 || days > 100 || len(e.ID) > maxID || !e.Yearly && (e.Last.Year() < 2026 || e.First.Year() > 2029) {
				t.Fatalf("%+v", e)
			}
		}
	})
}
