package wire

import (
	"cmp"
	"crypto/ecdh"
	"crypto/ed25519"
	"errors"
	"fmt"
)

// A Bundle makes a reader part of a site. It has all that the reader needs to work
// without a network.
type Bundle struct {
	Number      uint64    `cbor:"1,keyasint"` // rises with each bundle of the site; a newer one revokes the older
	Site        SiteID    `cbor:"2,keyasint"`
	SiteName    string    `cbor:"3,keyasint"`
	Reader      string    `cbor:"4,keyasint"`            // the reader's id
	Request     Hash      `cbor:"5,keyasint"`            // identifies the request that it answers: SHA-256 of Request.Lasting
	Controller  [32]byte  `cbor:"6,keyasint"`            // Ed25519: verifies the controller's messages, this one too
	Epoch       uint64    `cbor:"7,keyasint"`            // of Keys and Snapshot
	Keys        EpochKeys `cbor:"8,keyasint"`            //
	Certificate []byte    `cbor:"9,keyasint"`            // DER: the reader's, named after its id
	Authority   []byte    `cbor:"10,keyasint"`           // DER: the site's certificate authority
	Broker      string    `cbor:"11,keyasint,omitempty"` // URL
	Policy      []byte    `cbor:"12,keyasint"`           // signed
	Snapshot    []byte    `cbor:"13,keyasint"`           // as WriteSnapshot returned it

	// Further brokers, in the order in which the reader tries them after Broker. A reader
	// below LevelBrokers refuses a bundle with any.
	Others []string `cbor:"14,keyasint,omitempty"`
}

// sealed is a bundle in transit. It shows for which board it is, and nothing else.
type sealed struct {
	Format  string `cbor:"1,keyasint"`
	Request Hash   `cbor:"2,keyasint"` // as in the bundle
	Sealed  []byte `cbor:"3,keyasint"` // HPKE: encapsulated key ‖ ciphertext of the signed bundle
}

const bundleFormat = "latchkey bundle 2"

// ErrOtherBoard says that a bundle was made for another board.
var ErrOtherBoard = errors.New("the bundle is for another board")

// SealBundle fills in Request and Controller, signs the bundle and seals it (see
// Seal) to the board whose request it answers.
func SealBundle(b *Bundle, to *Request, key ed25519.PrivateKey) ([]byte, error) {
	if err := to.check(); err != nil {
		return nil, fmt.Errorf("seal bundle: %w", err)
	}
	b.Request = Sum(to.Lasting())
	b.Controller = [32]byte(key.Public().(ed25519.PublicKey))
	if err := b.check(); err != nil {
		return nil, fmt.Errorf("seal bundle: %w", err)
	}
	signed, err := Sign(KindBundle, b.Site, Marshal(b), key)
	if err != nil {
		return nil, err
	}
	public, err := ecdh.X25519().NewPublicKey(to.Sealing[:])
	if err != nil {
		return nil, fmt.Errorf("seal bundle: %w", err)
	}
	ciphertext, err := Seal(public, bundleFormat, signed)
	if err != nil {
		return nil, fmt.Errorf("seal bundle: %w", err)
	}
	out := Marshal(&sealed{bundleFormat, b.Request, ciphertext})
	if len(out) > MaxBundle {
		return nil, fmt.Errorf("seal bundle: %d bytes, at most %d", len(out), MaxBundle)
	}
	return out, nil
}

// OpenBundle unseals a bundle that answers a request and checks that the controller
// named in it has signed it. The caller decides whether to trust that controller.
// The error wraps ErrOtherBoard if the bundle answers another request.
func OpenBundle(b []byte, request *Request, key *ecdh.PrivateKey) (*Bundle, error) {
	var outer sealed
	if err := Unmarshal(b, MaxBundle, &outer); err != nil {
		return nil, fmt.Errorf("open bundle: %w", err)
	}
	if outer.Format != bundleFormat {
		return nil, fmt.Errorf("open bundle: %w: its format is %.32q", ErrEncoding, outer.Format)
	}
	if outer.Request != Sum(request.Lasting()) {
		return nil, fmt.Errorf("open bundle: %w", ErrOtherBoard)
	}
	signed, err := Unseal(key, bundleFormat, outer.Sealed)
	if err != nil {
		return nil, fmt.Errorf("open bundle: %w: %v", ErrEncoding, err)
	}
	defer clear(signed)
	payload, err := Payload(KindBundle, signed, MaxBundle)
	if err != nil {
		return nil, fmt.Errorf("open bundle: %w", err)
	}
	var bundle Bundle
	if err := Unmarshal(payload, MaxBundle, &bundle); err != nil {
		return nil, fmt.Errorf("open bundle: %w", err)
	}
	if _, err := verify(KindBundle, bundle.Site, signed, MaxBundle, ed25519.PublicKey(bundle.Controller[:])); err != nil {
		return nil, fmt.Errorf("open bundle: %w", err)
	}
	if bundle.Request != outer.Request {
		return nil, fmt.Errorf("open bundle: %w", ErrOtherBoard)
	}
	if err := bundle.check(); err != nil {
		return nil, fmt.Errorf("open bundle: %w", err)
	}
	return &bundle, nil
}

// Brokers returns the URLs of all brokers, in the order in which the reader tries them.
func (b *Bundle) Brokers() []string {
	if b.Broker == "" {
		return nil
	}
	return append([]string{b.Broker}, b.Others...)
}

func (b *Bundle) check() error {
	switch {
	case b.Number == 0 || b.Epoch == 0:
		return errors.New("no number or epoch")
	case len(b.Others) > MaxBrokers-1:
		return fmt.Errorf("%d further brokers, at most %d", len(b.Others), MaxBrokers-1)
	case b.Broker == "" && len(b.Others) > 0:
		return errors.New("further brokers, and no first one")
	}
	for _, url := range b.Others {
		if err := named("broker", cmp.Or(checkText(url, maxURL), CheckBroker(url))); err != nil {
			return err
		}
	}
	return cmp.Or(
		b.Keys.Check(),
		checkVerifying(&b.Controller),
		CheckName(b.SiteName),
		CheckName(b.Reader),
		named("broker", checkText(b.Broker, maxURL)),
	)
}

const maxURL = 256
