package wire

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"encoding/hex"
	"testing"
)

// channels are all there are.
var channels = []Channel{OnCredentials, OnHead, OnPolicy, OnKey, OnCommand, OnCard, OnNow, OnReply, OnAck, OnState, OnRecords, OnFetch}

// What is sealed is different each time, so these are bytes that were once
// made. TestWhatIsSealedInTheVectorsOpens opens them.
const (
	testSealedKey  = "5f9b48251ad9aaea61fe3ee7fb5455d653bccc0f15af0ac6ca216743edafac4498ef07fb1e8f51656549bfaba2c197e3007699841bd8afb8ddbfcedcedd60d17db3eaa7d87e6cb614f8fcc10c163bfd7"
	testSealedCard = "d85b6b0fecd46d63bbbe8830744063843f8594c76696eafa55834b62ee96db4938833a46d8fe2acf164c7a4b258c1c681c6a3a0deb75c4"
)

// testCardUID is what testSealedCard opens to.
var testCardUID = []byte{0x04, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0x80}

func decodeHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// An hpkeExample is something sealed, with all that is needed to open it. It is no message.
type hpkeExample struct {
	Private []byte `cbor:"1,keyasint"` // X25519, the receiver's
	Public  []byte `cbor:"2,keyasint"` // that belongs to it
	Info    string `cbor:"3,keyasint"`
	Plain   []byte `cbor:"4,keyasint"`
	Sealed  []byte `cbor:"5,keyasint"` // encapsulated key, ciphertext
}

func testHPKE(t testing.TB, key *ecdh.PrivateKey, info string, plain []byte, sealed string) *hpkeExample {
	t.Helper()
	b := decodeHex(t, sealed)
	if opened, err := Unseal(key, info, b); err != nil || !bytes.Equal(opened, plain) {
		t.Fatalf("%s opens as %x, %v", info, opened, err)
	}
	return &hpkeExample{key.Bytes(), key.PublicKey().Bytes(), info, plain, b}
}

// testEnrolKey is the controller's for testEnrol alone.
func testEnrolKey(t testing.TB) *ecdh.PrivateKey {
	t.Helper()
	key, err := ecdh.X25519().NewPrivateKey(fill(0x70, 32))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func testEnrol(t testing.TB) *Command {
	return &Command{Reader: "front-door", Nonce: Nonce(fill(0xb0, 16)), ID: CommandID(fill(0xc8, 16)), Order: Enrol, By: "Grace Hopper", Sealing: [32]byte(testEnrolKey(t).PublicKey().Bytes())}
}

func testHead() *Position {
	d := testDelta()
	return &Position{Epoch: d.Epoch, Revision: d.To, Hash: d.ToHash}
}

func testSignedHead(t testing.TB) []byte { return mustSign(t, KindHead, Marshal(testHead())) }

func testKey(t testing.TB) *Key {
	return &Key{Reader: "front-door", Epoch: testEpoch, Sealed: [80]byte(decodeHex(t, testSealedKey))}
}

func testNow(t testing.TB) *Now {
	return &Now{Reader: "front-door", Nonce: Nonce(fill(0xb0, 16)), Time: 1767225600456, Head: testSignedHead(t), PolicyRevision: 1767225601}
}

func testAck() *Ack {
	records := testRecords()
	return &Ack{Reader: "front-door", Journal: records.Journal, Number: 18, Hash: Sum(records.Records[1])}
}

// testState sets every member.
func testState(t testing.TB) *State {
	return &State{
		Reader: "front-door", Connection: 7, Counter: 3, Nonce: Nonce(fill(0xb0, 16)), Version: "devel",
		Held: testHead(), Head: testSignedHead(t), PolicyRevision: 1767225601,
		Journal: testRecords().Journal, First: 17, Last: 18,
		Condition: &Condition{
			Lockout: CauseAttempts, PIN: "locked out", Card: "nfc", Strike: StrikePulse, Door: DoorIsClosed,
			Tamper: true, ClockTrusted: true, Behind: true, Faults: []Fault{{Subject: "nfc", Text: "does not answer"}},
		},
		Card: &CardRead{Command: testEnrol(t).ID, Sealed: decodeHex(t, testSealedCard)},
	}
}

func testRecords() *Records {
	first := Record{Number: 17, Before: Hash(fill(0xd0, 32)), Kind: ReaderStarted, Time: 1767225600123, Trusted: true, Running: 3600000, Version: "devel"}
	second := Record{Number: 18, Before: Sum(Marshal(&first)), Kind: AccessGranted, Time: 1767225607123, Trusted: true, Running: 3607000, Credential: 1, User: 1, By: "card", Seconds: 5}
	return &Records{Reader: "front-door", Journal: JournalID(fill(0x90, 16)), First: 17, Records: [][]byte{Marshal(&first), Marshal(&second)}}
}

func testFetch(want Want) *Fetch {
	f := &Fetch{Reader: "front-door", Connection: 7, Number: 1, Want: want, Position: testHead()}
	switch want {
	case WantDeltas:
		f.Position = &Position{Epoch: testEpoch, Hash: Start(testEpoch)}
	case WantSnapshot:
		f.Number, f.Position = 2, nil
	case WantChunks:
		f.Number, f.Chunks = 3, []uint32{0, 2, 3}
	}
	return f
}

// mustSignOwn signs what a reader says.
func mustSignOwn(t testing.TB, message interface {
	Sign(SiteID, ed25519.PrivateKey) ([]byte, error)
}) []byte {
	t.Helper()
	signed, err := message.Sign(testSite, testReader)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}
