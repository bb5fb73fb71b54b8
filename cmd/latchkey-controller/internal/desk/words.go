package desk

import (
	"errors"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/zone"
)

// ParseTime parses a time as an administrator enters it: in a zone, or with an
// explicit offset. A date alone is the beginning of that day plus days. Of an
// ambiguous time it takes the first; a time that the clocks skip is an error.
func ParseTime(text string, days int, in *time.Location) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return zone.Begin(day.AddDate(0, 0, days), in), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		if wall, err := time.Parse(layout, text); err == nil {
			return zone.At(wall, in)
		}
	}
	return time.Time{}, errors.New("write it like 2026-12-31 or 2026-12-31T18:00")
}

// count returns a number of things as text: "1 PIN", "2 PINs".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// waitText returns a wait as text, rounded up: "40 seconds", "3 minutes".
func waitText(d time.Duration) string {
	n := int((d + time.Second - 1) / time.Second)
	if n > 90 {
		return count((n+59)/60, "minute")
	}
	return count(n, "second")
}
