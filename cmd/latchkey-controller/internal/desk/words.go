package desk

import (
	"errors"
	"fmt"
	"time"
)

// ParseTime reads a time as an administrator writes it. A day alone stands for
// its beginning, days later.
func ParseTime(text string, days int, zone *time.Location) (time.Time, error) {
	if t, err := time.ParseInLocation(time.DateOnly, text, zone); err == nil {
		return t.AddDate(0, 0, days), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errors.New("write it like 2026-12-31 or 2026-12-31T18:00")
}

// spell writes a wait for people: "40 seconds", "3 minutes".
func spell(d time.Duration) string {
	n, unit := int64((d+time.Second-1)/time.Second), "second"
	if n > 90 {
		n, unit = (n+59)/60, "minute"
	}
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}
