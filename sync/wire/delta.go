package wire

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// A Change is one entry of the credential log: it gives a tag its credential, or
// removes the tag.
type Change struct {
	_          struct{} `cbor:",toarray"`
	Tag        Tag
	Credential *Credential // nil: removed
}

// Start returns h(0) of an epoch: SHA-256 of its number, 8 bytes big-endian.
func Start(epoch uint64) Hash {
	return sha256.Sum256(binary.BigEndian.AppendUint64(nil, epoch))
}

// Extend returns h(r) = SHA-256(h(r-1) ‖ encoded change r).
func (h Hash) Extend(change Change) Hash { return h.ExtendEncoded(Marshal(change)) }

// ExtendEncoded is Extend with an encoded change.
func (h Hash) ExtendEncoded(change []byte) Hash {
	return sha256.Sum256(append(h[:], change...))
}

// A Delta carries the changes of revisions (From, To] of one epoch. The same
// message serves every reader of a site.
type Delta struct {
	Epoch    uint64   `cbor:"1,keyasint"`
	From     uint64   `cbor:"2,keyasint"`
	To       uint64   `cbor:"3,keyasint"`
	FromHash Hash     `cbor:"4,keyasint"` // h(From)
	ToHash   Hash     `cbor:"5,keyasint"` // h(To)
	Before   Hash     `cbor:"6,keyasint"` // SHA-256 of the payload of the delta that ends at From; zero for an epoch's first
	Changes  []Change `cbor:"7,keyasint"` // To - From of them, in order
}

// Sign checks the delta and returns it signed. It fails if the result would exceed
// MaxDelta: such changes go out as a snapshot.
func (d *Delta) Sign(site SiteID, key ed25519.PrivateKey) ([]byte, error) {
	if err := d.Check(); err != nil {
		return nil, fmt.Errorf("delta: %w", err)
	}
	payload := Marshal(d)
	if len(payload)+envelopeOverhead > MaxDelta {
		return nil, fmt.Errorf("delta %d to %d: %d bytes do not fit one delta", d.From, d.To, len(payload))
	}
	return Sign(KindDelta, site, payload, key)
}

// ParseDelta decodes and checks the payload of a delta. The caller has its hash from
// a trusted source.
func ParseDelta(payload []byte) (*Delta, error) {
	var d Delta
	if err := parse(KindDelta, payload, &d); err != nil {
		return nil, err
	}
	return &d, nil
}

// Check refuses a delta whose numbers or hashes do not match its changes.
func (d *Delta) Check() error {
	if d.To <= d.From || d.To-d.From != uint64(len(d.Changes)) {
		return fmt.Errorf("%d to %d: carries %d changes", d.From, d.To, len(d.Changes))
	}
	h := d.FromHash
	for _, change := range d.Changes {
		if change.Credential != nil {
			if err := change.Credential.Check(); err != nil {
				return fmt.Errorf("%d to %d: %w", d.From, d.To, err)
			}
		}
		h = h.Extend(change)
	}
	if h != d.ToHash {
		return fmt.Errorf("%d to %d: its changes do not lead to its hash", d.From, d.To)
	}
	return nil
}
