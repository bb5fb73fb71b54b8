package pin

import (
	"fmt"
	"testing"
)

func TestPINsThatAreDatesAreWeak(t *testing.T) {
	for digits, want := range map[string]error{
		"24121985": ErrDate, "12241985": ErrDate, "19851224": ErrDate, "19852412": ErrDate,
		"29022000": ErrDate, "02292024": ErrDate, "20240229": ErrDate, "01011920": ErrDate, "31122039": ErrDate,
		"29022023": nil, "31041985": nil, "00121985": nil, "12001985": nil, "13131985": nil,
		"24121919": nil, "24122040": nil, "19191224": nil, "20401224": nil,
	} {
		if got := Weak([]byte(digits)); got != want {
			t.Errorf("%s: %v, want %v", digits, got, want)
		}
	}
}

func TestOfAllPINsOnlyTheWeakAreRefused(t *testing.T) {
	// What may be weak has a year at one end, repeats its first four digits or
	// runs on from them.
	weak := make(map[string]bool)
	digits := make([]byte, Length)
	try := func(first, last string) {
		copy(digits, first)
		copy(digits[4:], last)
		if Weak(digits) != nil {
			weak[string(digits)] = true
		}
	}
	for n := range 10_000 {
		four := fmt.Sprintf("%04d", n)
		for _, rest := range []string{four, run([]byte(four), 1), run([]byte(four), 9)} {
			try(four, rest)
		}
		for year := firstYear - 1; year <= lastYear+1; year++ {
			y := fmt.Sprint(year)
			try(four, y)
			try(y, four)
		}
	}
	if len(weak) != all-Strong {
		t.Errorf("%d are weak, want %d", len(weak), all-Strong)
	}
}
