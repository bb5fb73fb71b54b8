package wire

import (
	"errors"
	"fmt"
)

// A Now answers one state of one reader: the controller is there, and has
// durably taken over what that state brought. It is signed as KindNow.
type Now struct {
	Reader         string `cbor:"1,keyasint"`
	Nonce          Nonce  `cbor:"2,keyasint"`           // of the state that it answers
	Time           int64  `cbor:"3,keyasint"`           // Unix milliseconds by the controller's clock
	Head           []byte `cbor:"4,keyasint"`           // signed: the newest place of its log
	PolicyRevision uint64 `cbor:"5,keyasint,omitempty"` // of the reader's newest policy
}

// ParseNow decodes and checks the payload of a now that Open returned. Its
// head is for OpenHead to check.
func ParseNow(payload []byte) (*Now, error) {
	var n Now
	if err := Unmarshal(payload, MaxMessage, &n); err != nil {
		return nil, fmt.Errorf("now: %w", err)
	}
	switch {
	case n.Nonce == Nonce{}:
		return nil, errors.New("now: no nonce")
	case n.Time <= 0 || n.Time >= endTime:
		return nil, fmt.Errorf("now: no such time: %d ms", n.Time)
	}
	if err := CheckName(n.Reader); err != nil {
		return nil, fmt.Errorf("now: %w", err)
	}
	return &n, nil
}
