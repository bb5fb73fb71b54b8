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

// count writes a number of things: "1 PIN", "2 PINs".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// spell writes a wait: "40 seconds", "3 minutes".
func spell(d time.Duration) string {
	n := int((d + time.Second - 1) / time.Second)
	if n > 90 {
		return count((n+59)/60, "minute")
	}
	return count(n, "second")
}
