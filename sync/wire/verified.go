package wire

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
)

// What the controller signs and a reader stores has a type of its own once its
// signature is checked. Only the functions below make such a value, so nobody who
// takes one checks it again: a signature is checked when a message arrives, and when
// it is read from a disk. A value keeps the bytes that it was opened from; nobody may
// change them, or what its methods return.

// verified is a signed message, and for whom its signature was checked.
type verified struct {
	signed []byte
	site   SiteID
	key    ed25519.PublicKey
}

// Signed returns the message as it was signed.
func (v *verified) Signed() []byte { return v.signed }

// By returns an error unless the message was verified for this site with this
// controller's key.
func (v *verified) By(site SiteID, key ed25519.PublicKey) error {
	if v.site != site || !bytes.Equal(v.key, key) {
		return errors.New("it was verified as another site's")
	}
	return nil
}

// A VerifiedPolicy is a policy that bears its controller's signature.
type VerifiedPolicy struct {
	verified
	policy Policy
}

// OpenPolicy checks a signed policy.
func OpenPolicy(site SiteID, signed []byte, key ed25519.PublicKey) (*VerifiedPolicy, error) {
	v := VerifiedPolicy{verified: verified{signed, site, key}}
	if err := open(KindPolicy, site, signed, key, &v.policy); err != nil {
		return nil, err
	}
	return &v, nil
}

// Policy returns what it says.
func (v *VerifiedPolicy) Policy() *Policy { return &v.policy }

// A VerifiedHead is a head that bears its controller's signature.
type VerifiedHead struct {
	verified
	position Position
}

// OpenHead checks a signed head.
func OpenHead(site SiteID, signed []byte, key ed25519.PublicKey) (*VerifiedHead, error) {
	v := VerifiedHead{verified: verified{signed, site, key}}
	if err := open(KindHead, site, signed, key, &v.position); err != nil {
		return nil, err
	}
	return &v, nil
}

// Position returns the position that it names.
func (v *VerifiedHead) Position() Position { return v.position }

// A VerifiedDelta is a delta that bears its controller's signature.
type VerifiedDelta struct {
	verified
	delta Delta
}

// OpenDelta checks a signed delta.
func OpenDelta(site SiteID, signed []byte, key ed25519.PublicKey) (*VerifiedDelta, error) {
	v := VerifiedDelta{verified: verified{signed, site, key}}
	if err := open(KindDelta, site, signed, key, &v.delta); err != nil {
		return nil, err
	}
	return &v, nil
}

// Delta returns what it says.
func (v *VerifiedDelta) Delta() *Delta { return &v.delta }

// A VerifiedManifest is a manifest that bears its controller's signature. A chunk
// whose hash is in it is the controller's too.
type VerifiedManifest struct {
	verified
	manifest Manifest
}

// OpenManifest checks a signed manifest.
func OpenManifest(site SiteID, signed []byte, key ed25519.PublicKey) (*VerifiedManifest, error) {
	v := VerifiedManifest{verified: verified{signed, site, key}}
	if err := open(KindManifest, site, signed, key, &v.manifest); err != nil {
		return nil, err
	}
	if v.manifest.Site != site || v.manifest.Epoch == 0 {
		return nil, errors.New("manifest: of another site, or without an epoch")
	}
	return &v, nil
}

// Manifest returns what it says.
func (v *VerifiedManifest) Manifest() *Manifest { return &v.manifest }

// A VerifiedSnapshot is a whole snapshot under a manifest that bears its
// controller's signature.
type VerifiedSnapshot struct {
	snapshot []byte
	manifest *VerifiedManifest
}

// OpenSnapshot checks a whole snapshot as WriteSnapshot returned it.
func OpenSnapshot(site SiteID, snapshot []byte, key ed25519.PublicKey) (*VerifiedSnapshot, error) {
	signed, rest, err := Next(snapshot)
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	v := VerifiedSnapshot{snapshot: snapshot}
	if v.manifest, err = OpenManifest(site, signed, key); err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	m := v.Manifest()
	for i := range m.Chunks() {
		length := min(m.ChunkLength(i), len(rest))
		if err := m.CheckChunk(i, rest[:length]); err != nil {
			return nil, fmt.Errorf("snapshot: chunk %d: %w", i, err)
		}
		rest = rest[length:]
	}
	if len(rest) > 0 {
		return nil, errors.New("snapshot: something follows its chunks")
	}
	return &v, nil
}

// By returns an error unless the snapshot was verified for this site with this
// controller's key.
func (v *VerifiedSnapshot) By(site SiteID, key ed25519.PublicKey) error {
	return v.manifest.By(site, key)
}

// Bytes returns the whole snapshot.
func (v *VerifiedSnapshot) Bytes() []byte { return v.snapshot }

// Manifest returns what its manifest says.
func (v *VerifiedSnapshot) Manifest() *Manifest { return v.manifest.Manifest() }
