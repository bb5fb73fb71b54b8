package pin

import (
	"crypto/rand"
	"errors"
)

const (
	all = 100_000_000 // PINs there are

	// Strong is the number of PINs that are not weak, which a guesser has to
	// search: 140,616 are dates, 10,020 repeat or run, 12 are both.
	Strong = all - (140_616 + 10_020 - 12)
)

// Reasons for which Weak refuses a PIN.
var (
	ErrEqual  = errors.New("all digits of this PIN are equal")
	ErrRun    = errors.New("the digits of this PIN run up or down")
	ErrRepeat = errors.New("this PIN repeats its first digits")
	ErrDate   = errors.New("this PIN is a date")
)

// Weak returns why a PIN is too easy to guess; nil: it is not. Weak are equal digits, a
// run up or down (also across 9 and 0), the first two or four digits repeated, and dates
// from 1920 to 2039. Input other than eight digits is an error. No error holds a digit.
func Weak(digits []byte) error {
	if err := checkDigits(digits); err != nil {
		return err
	}
	step := func(i int) byte { return (digits[i] - digits[i-1] + 10) % 10 }
	repeats := func(period int) bool {
		for i := period; i < Length; i++ {
			if digits[i] != digits[i-period] {
				return false
			}
		}
		return true
	}
	run := step(1) == 1 || step(1) == 9
	for i := 2; i < Length; i++ {
		run = run && step(i) == step(1)
	}
	switch {
	case repeats(1):
		return ErrEqual
	case run:
		return ErrRun
	case repeats(2), repeats(4):
		return ErrRepeat
	case isDate(digits):
		return ErrDate
	}
	return nil
}

// Generate returns a PIN that is not weak, uniformly random from crypto/rand.
// The caller wipes it.
func Generate() ([]byte, error) {
	digits := make([]byte, 0, Length)
	var random [4 * Length]byte
	defer clear(random[:])
	for {
		if _, err := rand.Read(random[:]); err != nil {
			return nil, err
		}
		digits = fill(digits[:0], random[:])
		if len(digits) == Length && Weak(digits) == nil {
			return digits, nil
		}
	}
}

// fill appends digits made of random bytes until there are eight or the bytes
// are used up. It skips bytes from 250 on, which would favour 0 to 5.
func fill(digits, random []byte) []byte {
	for _, b := range random {
		if b < 250 && len(digits) < Length {
			digits = append(digits, '0'+b%10)
		}
	}
	return digits
}
