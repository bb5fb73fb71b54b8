package wire

import (
	"crypto/ed25519"
	"errors"
)

// An Ack says that the controller durably holds all records of a journal up to a
// number, except those that the reader dropped. It is signed as KindAck.
type Ack struct {
	Reader  string    `cbor:"1,keyasint"`
	Journal JournalID `cbor:"2,keyasint"`
	Number  uint64    `cbor:"3,keyasint"`           // from 1
	Hash    Hash      `cbor:"4,keyasint"`           // of record Number as encoded
	Term    uint64    `cbor:"5,keyasint,omitempty"` // as in a Now
}

// OpenAck checks a signed acknowledgement and returns it.
func OpenAck(site SiteID, signed []byte, key ed25519.PublicKey) (*Ack, error) {
	var a Ack
	if err := open(KindAck, site, signed, key, &a); err != nil {
		return nil, err
	}
	return &a, nil
}

// Check refuses an acknowledgement of nothing.
func (a *Ack) Check() error {
	if a.Number == 0 || a.Journal == (JournalID{}) {
		return errors.New("no journal or number")
	}
	return CheckName(a.Reader)
}
