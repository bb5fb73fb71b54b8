package wire

import (
	"errors"
	"fmt"
)

// An Ack says that the controller durably holds all records of a journal up to
// a number, as far as they were not dropped, and what the SHA-256 of that one
// is. It is signed as KindAck.
type Ack struct {
	Reader  string    `cbor:"1,keyasint"`
	Journal JournalID `cbor:"2,keyasint"`
	Number  uint64    `cbor:"3,keyasint"` // from 1
	Hash    Hash      `cbor:"4,keyasint"` // of record Number as encoded
}

// ParseAck decodes and checks the payload of an acknowledgement that Open
// returned.
func ParseAck(payload []byte) (*Ack, error) {
	var a Ack
	if err := Unmarshal(payload, MaxMessage, &a); err != nil {
		return nil, fmt.Errorf("ack: %w", err)
	}
	if a.Number == 0 || a.Journal == (JournalID{}) {
		return nil, errors.New("ack: no journal or number")
	}
	if err := CheckName(a.Reader); err != nil {
		return nil, fmt.Errorf("ack: %w", err)
	}
	return &a, nil
}
