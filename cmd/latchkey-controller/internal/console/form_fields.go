package console

import (
	"strconv"

	"latchkey/cmd/latchkey-controller/internal/language"
)

func tick(f *form, name string, on bool) {
	if on {
		f.Values.Set(name, "on")
	}
}

// wholeNumber reads a number from 0 to most, and marks anything else. The desk checks
// the range that is allowed.
func wholeNumber(f *form, name string, most uint64) uint64 {
	n, err := strconv.ParseUint(f.Trim(name), 10, 32)
	if err != nil || n > most {
		f.Wrong[name] = language.Say("Enter a whole number from 0 to %d.", int(most))
	}
	return n
}
