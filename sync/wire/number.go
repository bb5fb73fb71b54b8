package wire

import (
	"fmt"
	"math"
)

// MaxNumber bounds every number of every message: what keeps it may have signed
// integers only, and what adds one to it must not begin anew.
const MaxNumber = math.MaxInt64

var errTooHigh = fmt.Errorf("%w: a number above %d", ErrEncoding, uint64(MaxNumber))

// MaxTime is the last second that a message may name, in Unix seconds: it is of the
// year 9999, the last one that RFC 3339 writes.
const MaxTime = 253402300799

// Times of records, in Unix milliseconds: from the beginning of the year 0 to before
// the year 10000.
const (
	minTime = -62167219200000
	endTime = (MaxTime + 1) * 1000
)

// ClipTime returns the time nearest to one in Unix milliseconds that a message may name.
func ClipTime(milliseconds int64) int64 { return min(max(milliseconds, minTime), endTime-1) }

// checkNumbers refuses items that hold a number beyond MaxNumber. It is the one place
// that decides so, for whatever is read, signed or kept. What stands in a byte string is
// an item of its own, and not looked at.
func checkNumbers(items []byte) error {
	const (
		negative = 1
		text     = 3
		simple   = 7
	)
	for d := (strict{rest: items}); len(d.rest) > 0; {
		major := d.rest[0] >> 5
		if major == simple && d.rest[0]&0x1f < 24 {
			d.take(1) // false, true, null: what else there is has an argument
			continue
		}
		argument := d.head(major)
		switch major {
		case majorNumber, negative:
			if argument > MaxNumber {
				return errTooHigh
			}
		case majorBytes, text:
			d.take(argument)
		}
		if d.wrong {
			return ErrEncoding
		}
	}
	return nil
}

// Encode returns the encoding of a message that is to be kept: one that Unmarshal reads
// back.
func Encode(message any) ([]byte, error) {
	b := Marshal(message)
	if err := checkNumbers(b); err != nil {
		return nil, fmt.Errorf("encode %T: %w", message, err)
	}
	return b, nil
}
