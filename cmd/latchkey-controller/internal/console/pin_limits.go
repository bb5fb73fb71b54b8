package console

import (
	"fmt"
	"strconv"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// A limitUnit is a unit of the time in which a PIN may be used.
type limitUnit struct {
	Key  string // in forms, and its plural
	one  string
	long time.Duration
}

var limitUnits = []limitUnit{{"minutes", "minute", time.Minute}, {"hours", "hour", time.Hour}, {"days", "day", 24 * time.Hour}}

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

// limitsText says what the limits of a PIN are, as a sentence; "": it has none.
func limitsText(l desk.PINLimits) string {
	long := ""
	if l.Within != 0 {
		n, unit := within(l.Within)
		long = plural(n, unit.one, unit.Key)
	}
	switch {
	case l.Uses != 0 && long != "":
		return "May be used " + times(l.Uses) + ", within " + long + " of its first use."
	case l.Uses != 0:
		return "May be used " + times(l.Uses) + "."
	case long != "":
		return "May be used for " + long + " from its first use."
	}
	return ""
}

// times returns how often something is done: "once", "3 times".
func times(n int) string {
	if n == 1 {
		return "once"
	}
	return thousands(n) + " times"
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
