package wire

import (
	"fmt"
	"math"
)

// MaxNumber bounds every number of every message, so that it fits a signed integer
// and adding one to it does not overflow.
const MaxNumber = math.MaxInt64

var errTooHigh = fmt.Errorf("%w: a number above %d", ErrEncoding, uint64(MaxNumber))

// MaxTime is the last time that a message may name, in Unix seconds: the end of the
// year 9999, the last that RFC 3339 can write.
const MaxTime = 253402300799

// Times of records, in Unix milliseconds: from the beginning of the year 0 to before
// the year 10000.
const (
	minTime = -62167219200000
	endTime = (MaxTime + 1) * 1000
)

// ClipTime returns the nearest time, in Unix milliseconds, that a message may name.
func ClipTime(milliseconds int64) int64 { return min(max(milliseconds, minTime), endTime-1) }

// checkNumbers refuses CBOR items that hold a number above MaxNumber, for all that is
// read, signed or stored. It does not look into byte strings.
func checkNumbers(items []byte) error {
	const (
		negative = 1
		text     = 3
		simple   = 7
	)
	for d := (strict{rest: items}); len(d.rest) > 0; {
		major := d.rest[0] >> 5
		if major == simple && d.rest[0]&0x1f < 24 {
			d.take(1) // false, true, null: all others have an argument
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

// Encode returns the encoding of a message that is to be stored, which Unmarshal can
// read back.
func Encode(message any) ([]byte, error) {
	b := Marshal(message)
	if err := checkNumbers(b); err != nil {
		return nil, fmt.Errorf("encode %T: %w", message, err)
	}
	return b, nil
}
