package boardtest

import (
	"bytes"
	"crypto/aes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"math/big"
	"slices"
	"testing"

	"latchkey/sync/wire"
)

// NewWithTPM returns a new board with a TPM that wants this nonce in its first grant. Its
// parent key is in software, so that tests can look into what is wrapped to it.
func NewWithTPM(t testing.TB, nonce wire.TPMNonce) *Board {
	t.Helper()
	b := New(t)
	b.GetTPM(t, nonce)
	return b
}

// GetTPM gives the board a TPM, and so another identity.
func (b *Board) GetTPM(t testing.TB, nonce wire.TPMNonce) {
	t.Helper()
	var err error
	if b.Parent, err = ecdh.P256().GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	point := b.Parent.PublicKey().Bytes()[1:]
	signing, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	verifying, err := signing.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	b.Signing, b.Request.Signing = signing, [32]byte{}
	b.Request.TPM = &wire.RequestTPM{Parent: parentArea(point[:32], point[32:]), Revision: 159, Signing: [65]byte(verifying)}
	b.Ask(t, nonce)
}

// Ask signs the request anew, with another nonce.
func (b *Board) Ask(t testing.TB, nonce wire.TPMNonce) {
	t.Helper()
	b.Request.TPM.Nonce = nonce
	var err error
	if b.Signed, err = b.Request.Sign(b.Signing); err != nil {
		t.Fatal(err)
	}
}

// What follows is computed from the TPM 2.0 Library, byte by byte, and not as package
// device/pin/tpm does it.

// join returns the bytes of integers, big endian in their sizes, and of slices.
func join(parts ...any) []byte {
	var b []byte
	for _, part := range parts {
		b, _ = binary.Append(b, binary.BigEndian, part) // fixed sizes only
	}
	return b
}

func hash(parts ...any) []byte {
	sum := sha256.Sum256(join(parts...))
	return sum[:]
}

var zero [32]byte

// Codes of commands (Part 2, TPM_CC).
const (
	ccActivateCredential uint32 = 0x147
	ccNVWrite            uint32 = 0x137
	ccNVRead             uint32 = 0x14E
	ccCreate             uint32 = 0x153
	ccImport             uint32 = 0x156
	ccLoad               uint32 = 0x157
	ccPolicySigned       uint32 = 0x160
	ccPolicyCommandCode  uint32 = 0x16C
	ccPolicyOR           uint32 = 0x171
)

func commandPolicy(cc uint32) []byte { return hash(zero[:], ccPolicyCommandCode, cc) }

// parentArea is a TPMT_PUBLIC: an ECC storage key for Load, Import, Create and
// ActivateCredential.
func parentArea(x, y []byte) []byte {
	policy := hash(zero[:], ccPolicyOR, commandPolicy(ccLoad), commandPolicy(ccImport), commandPolicy(ccCreate), commandPolicy(ccActivateCredential))
	return join(uint16(0x0023), uint16(0x000B), uint32(0x000304B2), uint16(32), policy,
		uint16(0x0006), uint16(128), uint16(0x0043), uint16(0x0010), uint16(0x0003), uint16(0x0010), uint16(32), x, uint16(32), y)
}

// indexName is the name of the index that counts PINs (Part 2, TPMS_NV_PUBLIC).
func indexName(k *wire.TPMKeys, written bool) []byte {
	grantKey := hash(uint16(0x0023), uint16(0x000B), uint32(0x00040040), uint16(0), uint16(0x0010),
		uint16(0x0018), uint16(0x000B), uint16(0x0003), uint16(0x0010), uint16(32), k.GrantKey[1:33], uint16(32), k.GrantKey[33:])
	signed := hash(hash(zero[:], ccPolicySigned, uint16(0x000B), grantKey), k.Ref[:])
	attributes := uint32(0x020C0098)
	if written {
		attributes |= 0x20000000
	}
	return join(uint16(0x000B), hash(uint32(0x01804C4B), uint16(0x000B), attributes, uint16(32),
		hash(zero[:], ccPolicyOR, signed, commandPolicy(ccNVRead)), uint16(8)))
}

// Takes says whether a TPM takes the grant of some keys: as a first one over a nonce or,
// if that is zero, as a refill.
func Takes(k *wire.TPMKeys, nonce wire.TPMNonce) bool {
	first := nonce != (wire.TPMNonce{})
	if first != (k.Grant.Nonce != wire.TPMNonce{}) {
		return false
	}
	name, written := indexName(k, !first), join(uint16(4), k.Grant.Limit, uint16(4))
	var session []byte
	if first {
		written, session = join(uint16(8), uint32(0), k.Grant.Limit, uint16(0)), nonce[:]
	}
	digest := hash(session, uint32(0), hash(ccNVWrite, name, name, written), k.Ref[:])
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), k.GrantKey[:])
	if err != nil {
		return false
	}
	r, s := new(big.Int).SetBytes(k.Grant.Signature[:32]), new(big.Int).SetBytes(k.Grant.Signature[32:])
	return ecdsa.Verify(key, digest, r, s)
}

// decryptCFB decrypts with AES in CFB mode, with an initialization vector of zeros.
func decryptCFB(key, ciphertext []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	plain, before := bytes.Clone(ciphertext), make([]byte, aes.BlockSize)
	for i := 0; i < len(plain); i += aes.BlockSize {
		block.Encrypt(before, before)
		part := plain[i:min(i+aes.BlockSize, len(plain))]
		subtle.XORBytes(part, part, before)
		copy(before, ciphertext[i:])
	}
	return plain, nil
}

// shared returns the x of the point that a key shares with a TPMS_ECC_POINT, and its x.
func shared(key *ecdh.PrivateKey, point []byte) (z, x []byte, err error) {
	x, y := point[2:34], point[36:]
	public, err := ecdh.P256().NewPublicKey(slices.Concat([]byte{4}, x, y))
	if err == nil {
		z, err = key.ECDH(public)
	}
	return z, x, err
}

// Unwrap returns the key that is wrapped to the board's TPM (Part 1, "Duplication").
func (b *Board) Unwrap(w *wire.WrappedKey) ([]byte, error) {
	point := w.Seed
	if len(point) != 68 {
		return nil, errors.New("no point")
	}
	z, x, err := shared(b.Parent, point)
	if err != nil {
		return nil, err
	}
	seed := hash(uint32(1), z, []byte("DUPLICATE\x00"), x, b.Parent.PublicKey().Bytes()[1:33]) // KDFe
	name := join(uint16(0x000B), hash(w.Public))
	private := w.Duplicate
	if len(private) < 34 {
		return nil, errors.New("no private area")
	}
	mac := hmac.New(sha256.New, kdfa(seed, "INTEGRITY", nil, 256))
	mac.Write(private[34:])
	mac.Write(name)
	if !bytes.Equal(private[:34], join(uint16(32), mac.Sum(nil))) {
		return nil, errors.New("it is wrapped to another parent, or for another public area")
	}
	sensitive, err := decryptCFB(kdfa(seed, "STORAGE", name, 128), private[34:])
	if err != nil {
		return nil, err
	}
	if want := join(uint16(len(sensitive)-2), uint16(0x0008), uint16(0), uint16(32)); len(sensitive) != 8+32+2+32 || !bytes.Equal(sensitive[:8], want) {
		return nil, errors.New("no sensitive area of a keyed hash")
	}
	if unique := hash(sensitive[8:40], sensitive[42:]); !bytes.Equal(unique, w.Public[len(w.Public)-32:]) {
		return nil, errors.New("its unique field is another key's")
	}
	return sensitive[42:], nil
}

// kdfa is KDFa with SHA-256 (Part 1, "KDFa()").
func kdfa(key []byte, label string, context []byte, bits uint32) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(join(uint32(1), []byte(label), byte(0), context, bits))
	return mac.Sum(nil)[:bits/8]
}
