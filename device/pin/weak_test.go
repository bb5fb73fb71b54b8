package pin

import (
	"strings"
	"testing"
)

func TestWeakPINsAreKnown(t *testing.T) {
	for digits, want := range map[string]error{
		"00000000": ErrEqual, "77777777": ErrEqual,
		"01234567": ErrRun, "12345678": ErrRun, "23456789": ErrRun, "34567890": ErrRun, "90123456": ErrRun,
		"98765432": ErrRun, "87654321": ErrRun, "76543210": ErrRun, "32109876": ErrRun,
		"12121212": ErrRepeat, "90909090": ErrRepeat, "12341234": ErrRepeat, "00010001": ErrRepeat, "11221122": ErrRepeat,
		"27182818": nil, "12345679": nil, "02345678": nil, "12121213": nil, "12341235": nil, "11223344": nil, "12312312": nil, "00000001": nil,
		"": errDigits, "1234567": errDigits, "123456789": errDigits, "1234567x": errDigits,
	} {
		got := Weak([]byte(digits))
		if got != want {
			t.Errorf("%s: %v, want %v", digits, got, want)
		}
		if got != nil && digits != "" && strings.Contains(got.Error(), digits) {
			t.Errorf("%q holds the PIN", got)
		}
	}
}

// run returns the four digits that go on from others by a step.
func run(digits []byte, step byte) string {
	next := make([]byte, 4)
	last := digits[3] - '0'
	for i := range next {
		last = (last + step) % 10
		next[i] = '0' + last
	}
	return string(next)
}

func TestGeneratedPINsAreStrongAndSpread(t *testing.T) {
	var seen [Length][10]int
	const n = 20_000
	for range n {
		digits, err := Generate()
		if err != nil {
			t.Fatal(err)
		}
		if Weak(digits) != nil {
			t.Fatal("a weak PIN was generated")
		}
		for place, digit := range digits {
			seen[place][digit-'0']++
		}
	}
	// Each digit comes 2,000 times at each place, with a standard deviation of
	// 42: beyond 1,700 to 2,300 is one chance in 10^11.
	for place := range seen {
		for digit, times := range seen[place] {
			if times < 1700 || times > 2300 {
				t.Errorf("digit %d comes %d times of %d at place %d", digit, times, n, place)
			}
		}
	}
}

func TestNoByteFavoursADigit(t *testing.T) {
	var times [10]int
	for b := range 256 {
		for _, digit := range fill(nil, []byte{byte(b)}) {
			times[digit-'0']++
		}
	}
	for digit, n := range times {
		if n != 25 {
			t.Errorf("%d bytes make %d", n, digit)
		}
	}
	if got := fill(nil, make([]byte, 100)); len(got) != Length {
		t.Errorf("%d digits", len(got))
	}
}
