package desk

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"

	"github.com/fxamacker/cbor/v2"
)

// An authenticator holds one passkey and answers as a browser would. The zero value of what
// may be wrong is right.
type authenticator struct {
	w      *world
	key    *ecdsa.PrivateKey
	id     []byte
	user   []byte // handle
	counts bool
	count  uint32

	origin     string // instead of the console's
	host       string // instead of the console's, as the RP ID
	unverified bool   // nobody gave a finger or a PIN
	purpose    string // instead of get or create
}

const consoleHere = "https://doors.example.com"

func (w *world) authenticator() *authenticator {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.must(err)
	return &authenticator{w: w, key: key, id: []byte(rand.Text())}
}

func inBase64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// data returns the authenticator data (Web Authentication §6.1) without a new key.
func (k *authenticator) data(flags byte) []byte {
	host := k.host
	if host == "" {
		host = "doors.example.com"
	}
	hash := sha256.Sum256([]byte(host))
	flags |= 0x01
	if !k.unverified {
		flags |= 0x04
	}
	if k.counts {
		k.count++
	}
	return binary.BigEndian.AppendUint32(append(hash[:], flags), k.count)
}

func (k *authenticator) client(kind, challenge string) []byte {
	if k.purpose != "" {
		kind = k.purpose
	}
	origin := k.origin
	if origin == "" {
		origin = consoleHere
	}
	b, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": false})
	k.w.must(err)
	return b
}

// make answers to NewPasskey.
func (k *authenticator) make(options []byte) []byte {
	k.w.t.Helper()
	var asked struct {
		Challenge string
		User      struct{ ID string }
	}
	k.w.must(json.Unmarshal(options, &asked))
	var err error
	k.user, err = base64.RawURLEncoding.DecodeString(asked.User.ID)
	k.w.must(err)
	point, err := k.key.PublicKey.Bytes()
	k.w.must(err)
	public, err := cbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
	k.w.must(err)
	data := append(k.data(0x40), make([]byte, 16)...)
	data = binary.BigEndian.AppendUint16(data, uint16(len(k.id)))
	data = append(append(data, k.id...), public...)
	object, err := cbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data})
	k.w.must(err)
	return k.answer(map[string]any{"clientDataJSON": inBase64(k.client("webauthn.create", asked.Challenge)), "attestationObject": inBase64(object), "transports": []string{"usb"}})
}

// give answers to AskPasskey.
func (k *authenticator) give(options []byte) []byte {
	k.w.t.Helper()
	var asked struct{ Challenge string }
	k.w.must(json.Unmarshal(options, &asked))
	client, data := k.client("webauthn.get", asked.Challenge), k.data(0)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(append([]byte{}, data...), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, k.key, digest[:])
	k.w.must(err)
	return k.answer(map[string]any{"clientDataJSON": inBase64(client), "authenticatorData": inBase64(data), "signature": inBase64(signature), "userHandle": inBase64(k.user)})
}

func (k *authenticator) answer(response map[string]any) []byte {
	b, err := json.Marshal(map[string]any{"id": inBase64(k.id), "rawId": inBase64(k.id), "type": "public-key", "response": response, "clientExtensionResults": map[string]any{}})
	k.w.must(err)
	return b
}
