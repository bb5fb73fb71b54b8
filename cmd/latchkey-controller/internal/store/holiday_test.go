package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"latchkey/sync/wire"
)

// holiday returns one of some days: "2026-12-25", "2026-12-25..2026-12-26 yearly".
func holiday(t *testing.T, text string) *Holiday {
	t.Helper()
	days, yearly := strings.CutSuffix(text, " yearly")
	first, last, several := strings.Cut(days, "..")
	if !several {
		last = first
	}
	h := &Holiday{Name: text, Yearly: yearly}
	var err1, err2 error
	h.First, err1 = time.Parse(time.DateOnly, first)
	h.Last, err2 = time.Parse(time.DateOnly, last)
	must(t, err1)
	must(t, err2)
	return h
}

func TestAHolidayIsOnItsDays(t *testing.T) {
	for text, want := range map[string]string{
		"2026-12-25":                    "2026-12-25",
		"2026-12-31..2027-01-01":        "2026-12-31 2027-01-01",
		"2026-12-25 yearly":             "0-12-25",
		"2026-12-31..2027-01-02 yearly": "0-01-01 0-01-02 0-12-31",
		"2027-02-27..2027-03-01 yearly": "0-02-27 0-02-28 0-02-29 0-03-01",
		"2028-02-29 yearly":             "0-02-29",
		"2026-11-30..2027-03-01":        "92 days",
		"2026-12-01..2027-03-01 yearly": "92 days",
		"2027-03-01..2027-03-02 yearly": "0-03-01 0-03-02",
		"2027-01-31..2027-03-01 yearly": "31 days",
		"2028-02-28..2028-02-29":        "2028-02-28 2028-02-29",
	} {
		h := holiday(t, text)
		if err := h.Check(); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		var days []string
		for _, d := range HolidayDays([]*Holiday{h}) {
			days = append(days, fmt.Sprintf("%d-%02d-%02d", d.Year, d.Month, d.Day))
		}
		got := strings.Join(days, " ")
		if len(days) > 10 {
			got = fmt.Sprintf("%d days", len(days))
		}
		if got != want {
			t.Errorf("%s: %s, not %s", text, got, want)
		}
	}
	for _, text := range []string{"2026-12-25..2026-12-24", "2026-01-01..2026-06-01", "9999-12-31..0001-01-01"} {
		if holiday(t, text).Check() == nil {
			t.Errorf("%s is one", text)
		}
	}
	bad := *holiday(t, "2026-12-25")
	for _, event := range []string{strings.Repeat("x", maxEventID+1), "a\x00", "\xff"} {
		if bad.Event = event; bad.Check() == nil {
			t.Errorf("%.10q is an event", event)
		}
	}
}

func TestHolidaysAreKeptInTheOrderOfTheirDays(t *testing.T) {
	for name, address := range map[string]string{"SQLite": "", "PostgreSQL": newPostgres(t)} {
		t.Run(name, func(t *testing.T) {
			s, err := Create(t.Context(), t.TempDir(), address)
			must(t, err)
			defer s.Close()
			addSite(t, s)
			update(t, s, func(tx *Tx) error {
				for _, text := range []string{"2027-01-06", "2026-12-25..2026-12-26 yearly", "2026-12-24"} {
					must(t, tx.AddHoliday(holiday(t, text)))
				}
				all, err := tx.Holidays()
				must(t, err)
				var names []string
				for _, h := range all {
					names = append(names, fmt.Sprintf("%s %t %d", h.Name, h.Yearly, h.Revision))
				}
				if got := strings.Join(names, ", "); got != "2026-12-24 false 1, 2026-12-25..2026-12-26 yearly true 1, 2027-01-06 false 1" {
					t.Error(got)
				}
				edited := all[0]
				edited.Name, edited.Yearly, edited.Event = "Eve", true, "uid"
				must(t, tx.SetHoliday(edited))
				must(t, tx.RemoveHoliday(all[1].ID))
				again, err := tx.Holidays()
				must(t, err)
				if len(again) != 2 || fmt.Sprint(*again[0]) != fmt.Sprint(*edited) || again[0].Revision != 2 {
					t.Errorf("%+v, not %+v", again[0], edited)
				}
				must(t, tx.exec(`INSERT INTO readers (id, created) VALUES ('front', 1)`))
				days := []wire.Holiday{{Month: 12, Day: 25}, {Year: 2027, Month: 1, Day: 6}}
				for _, want := range [][]wire.Holiday{days, days[:1], nil} {
					must(t, tx.SetOwnHolidays("front", want))
					got, err := tx.OwnHolidays("front")
					must(t, err)
					if fmt.Sprint(got) != fmt.Sprint(want) {
						t.Errorf("%v, not %v", got, want)
					}
				}
				return nil
			})
		})
	}
}
