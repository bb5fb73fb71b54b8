package wire

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"fmt"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"
)

var errWeakKey = errors.New("no private key belongs to it")

// checkVerifying refuses an Ed25519 key that is not the canonical encoding of a point
// of prime order: under a point of small order one signature is valid for many
// messages, and nobody needs a private key.
func checkVerifying(key *[32]byte) error {
	point, err := new(edwards25519.Point).SetBytes(key[:])
	if err != nil || !bytes.Equal(point.Bytes(), key[:]) {
		return fmt.Errorf("signing key: %w", errWeakKey)
	}
	// The group has order 8·l. l times a point of the subgroup of order l is neutral;
	// it is computed as (l - 1) times the point, plus the point.
	minusOne := edwards25519.NewScalar().Negate(scalarOne())
	all := new(edwards25519.Point).ScalarMult(minusOne, point)
	neutral := edwards25519.NewIdentityPoint()
	if point.Equal(neutral) == 1 || all.Add(all, point).Equal(neutral) == 0 {
		return fmt.Errorf("signing key: %w", errWeakKey)
	}
	return nil
}

func scalarOne() *edwards25519.Scalar {
	one, err := edwards25519.NewScalar().SetCanonicalBytes(append([]byte{1}, make([]byte, 31)...))
	return must(one, err)
}

// checkSealing refuses an X25519 key that is not canonically encoded or is of small
// order: everybody can read what is sealed to such a key (RFC 7748 §6.1).
func checkSealing(key *[32]byte) error {
	number, err := new(field.Element).SetBytes(key[:])
	if err != nil || !bytes.Equal(number.Bytes(), key[:]) {
		return fmt.Errorf("sealing key: %w", errWeakKey)
	}
	public, err := ecdh.X25519().NewPublicKey(key[:])
	if err != nil {
		return fmt.Errorf("sealing key: %w", err)
	}
	probe, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	if _, err := probe.ECDH(public); err != nil { // all zero
		return fmt.Errorf("sealing key: %w", errWeakKey)
	}
	return nil
}
