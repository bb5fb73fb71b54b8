package wire

import (
	"crypto/ed25519"
	"errors"
	"fmt"
)

// A Place is a place in the credential log. As a message, signed as KindHead,
// it is the newest place of the controller's log.
type Place struct {
	Epoch    uint64 `cbor:"1,keyasint"` // from 1
	Revision uint64 `cbor:"2,keyasint"`
	Hash     Hash   `cbor:"3,keyasint"` // h(Revision)
}

// Above says that p is later in the credential log than other.
func (p Place) Above(other Place) bool {
	return p.Epoch > other.Epoch || p.Epoch == other.Epoch && p.Revision > other.Revision
}

// ParseHead decodes and checks the payload of a head that Open returned.
func ParseHead(payload []byte) (*Place, error) {
	var p Place
	if err := Unmarshal(payload, MaxMessage, &p); err != nil {
		return nil, fmt.Errorf("head: %w", err)
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("head: %w", err)
	}
	return &p, nil
}

// OpenHead checks a signed head and returns the place that it names.
func OpenHead(site SiteID, signed []byte, key ed25519.PublicKey) (*Place, error) {
	payload, err := Open(KindHead, site, signed, MaxMessage, key)
	if err != nil {
		return nil, err
	}
	return ParseHead(payload)
}

func (p *Place) check() error {
	switch {
	case p.Epoch == 0:
		return errors.New("no epoch")
	case p.Revision == 0 && p.Hash != Start(p.Epoch):
		return errors.New("revision 0 with another hash than its epoch's")
	}
	return nil
}
