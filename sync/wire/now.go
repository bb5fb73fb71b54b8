package wire

import (
	"crypto/ed25519"
	"errors"
	"fmt"
)

// A Now answers one state of one reader: the controller has durably stored what the
// state carried. It is signed as KindNow.
type Now struct {
	Reader         string `cbor:"1,keyasint"`
	Nonce          Nonce  `cbor:"2,keyasint"`           // of the state that it answers
	Time           int64  `cbor:"3,keyasint"`           // Unix milliseconds by the controller's clock
	Head           []byte `cbor:"4,keyasint"`           // signed: the newest position in the log
	PolicyRevision uint64 `cbor:"5,keyasint,omitempty"` // of the reader's newest policy
	Term           uint64 `cbor:"6,keyasint,omitempty"` // of the lead of the controller that signs; for readers of LevelTerm
}

// OpenNow checks a signed now and returns it. OpenHead checks its head.
func OpenNow(site SiteID, signed []byte, key ed25519.PublicKey) (*Now, error) {
	var n Now
	if err := open(KindNow, site, signed, key, &n); err != nil {
		return nil, err
	}
	return &n, nil
}

// Check refuses a now that answers nothing, or names no time.
func (n *Now) Check() error {
	switch {
	case n.Nonce == Nonce{}:
		return errors.New("no nonce")
	case n.Time <= 0 || n.Time >= endTime:
		return fmt.Errorf("no such time: %d ms", n.Time)
	}
	return CheckName(n.Reader)
}
