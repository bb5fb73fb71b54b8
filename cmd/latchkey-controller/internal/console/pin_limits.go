package console

import (
	"fmt"
	"strconv"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// A limitUnit is a unit of the time in which a PIN may be used.
type limitUnit struct {
	Key  string // in forms
	Name *language.Sentence
	long time.Duration
}

var limitUnits = []limitUnit{
	{"minutes", language.Say("minutes"), time.Minute}, {"hours", language.Say("hours"), time.Hour}, {"days", language.Say("days"), 24 * time.Hour},
}

// within returns a time as a number of the longest unit that it is a multiple of; one
// that is a multiple of none is rounded up to minutes.
func within(d time.Duration) (n int, unit limitUnit) {
	unit = limitUnits[0]
	for _, u := range limitUnits {
		if d%u.long == 0 {
			unit = u
		}
	}
	return int((d + unit.long - 1) / unit.long), unit
}

// limitsText says what the limits of a PIN are; nil: it has none.
func limitsText(l desk.PINLimits) *language.Sentence {
	switch n, unit := within(l.Within); {
	case l.Uses != 0 && l.Within != 0:
		return language.Count(l.Uses, "May be used once, within %[2]s of its first use.", "May be used %[1]d times, within %[2]s of its first use.", withinText(n, unit.Key))
	case l.Uses != 0:
		return language.Count(l.Uses, "May be used once.¦PIN", "May be used %d times.¦PIN")
	case l.Within == 0:
		return nil
	case unit.Key == "days":
		return language.Count(n, "May be used for %d day from its first use.", "May be used for %d days from its first use.")
	case unit.Key == "hours":
		return language.Count(n, "May be used for %d hour from its first use.", "May be used for %d hours from its first use.")
	default:
		return language.Count(n, "May be used for %d minute from its first use.", "May be used for %d minutes from its first use.")
	}
}

// withinText says within how long of its first use a PIN may be used.
func withinText(n int, unit string) *language.Sentence {
	switch unit {
	case "days":
		return language.Count(n, "%d day¦within … of its first use", "%d days¦within … of its first use")
	case "hours":
		return language.Count(n, "%d hour¦within … of its first use", "%d hours¦within … of its first use")
	}
	return language.Count(n, "%d minute¦within … of its first use", "%d minutes¦within … of its first use")
}

// fillLimits sets the fields of limits.
func fillLimits(f *form, l desk.PINLimits) {
	if l.Uses != 0 {
		f.Values.Set("uses", fmt.Sprint(l.Uses))
	}
	if l.Within != 0 {
		n, unit := within(l.Within)
		f.Values.Set("within", fmt.Sprint(n))
		f.Values.Set("within-unit", unit.Key)
	}
}

// readLimits reads the limits of a PIN, and marks what is no number. The desk checks the
// range that is allowed.
func readLimits(f *form) (l desk.PINLimits) {
	l.Uses = limitNumber(f, "uses")
	n := limitNumber(f, "within")
	for _, unit := range limitUnits {
		if f.Get("within-unit") == unit.Key {
			l.Within = time.Duration(n) * unit.long
		}
	}
	if n != 0 && l.Within == 0 {
		f.wrong("within", "Choose minutes, hours or days.")
	}
	return l
}

// limitNumber reads a number from 1; 0: there is none, or it is marked.
func limitNumber(f *form, name string) int {
	if f.Trim(name) == "" {
		return 0
	}
	n, err := strconv.ParseUint(f.Trim(name), 10, 16)
	if err != nil || n == 0 {
		f.wrong(name, "Enter a whole number from 1, or leave it empty for no limit.")
	}
	return int(n)
}
