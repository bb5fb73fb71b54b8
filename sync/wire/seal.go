package wire

import (
	"crypto/ecdh"
	"crypto/hpke"
)

// sealOverhead is what Seal adds: an X25519 key and a tag.
const sealOverhead = 32 + 16

// Seal encrypts b to a board's X25519 key for one purpose: HPKE base mode,
// DHKEM(X25519), HKDF-SHA256, ChaCha20-Poly1305 (RFC 9180), info the purpose.
// It returns the encapsulated key followed by the ciphertext.
func Seal(to *ecdh.PublicKey, purpose string, b []byte) ([]byte, error) {
	public, err := hpke.NewDHKEMPublicKey(to)
	if err != nil {
		return nil, err
	}
	return hpke.Seal(public, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), []byte(purpose), b)
}

// Unseal decrypts what Seal returned for the same purpose.
func Unseal(key *ecdh.PrivateKey, purpose string, b []byte) ([]byte, error) {
	private, err := hpke.NewDHKEMPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return hpke.Open(private, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), []byte(purpose), b)
}
