package wire

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"encoding/hex"
	"testing"
)

// channels are all there are.
var channels = []Channel{OnCredentials, OnHead, OnPolicy, OnKey, OnCommand, OnCard, OnNow, OnReply, OnAck, OnState, OnRecords, OnFetch}

// What is sealed is different each time, so these are bytes that were once
// made. TestWhatIsSealedInTheVectorsOpens opens them.
const (
	testSealedKey  = "83efe4a124a924b487bfec26fe0f2d08c1b4cf4feb43d3bc0624462f61e0a03a31ebc948d0e9670bedb9aaed1ae7800f2743f22afd330eada37cad52917c91be88aa26e55c89b5b2036014dbddde49556117663b44efd4559204d4c2a924ec49d5b6b91efdd04871bcb79ba33b8ec9f6b77653f4c9e9c28ab14ce44211"
	testSealedTPM  = "0822d20602dff8c3af98feb4c8133848f53b1026d75a80d3aebdfed18fdb211e951e164974f00e028f10e77b0ca09cbb37e2af38df7de40d5ad7298a7a0f6307c361e423cc2c0e543efc0442e72c700e817eefdc695575960477f774a10acc6c646558277124dff87aaf26690814cc05d7989903f8410e091a690cc86f9c2a321a582f4f069a2d28faaa08204fd01f4635df9059f53ab638dbf43bfe68c7aa197886bd519735a954c0a7771647c33f6b0fa9220ade2ab9e9c721112ec2ee08ad5657bbba6f0b73d967b3cf0cd34839eabb93538f6803b0ecc7fafa2004f972ab0fb0b28559bf1eda43acc2347f66a98b70b78c2f430ad364166ff50057c919d1bf697a35304dd09f8484d628e2c2214a7d1b9c546daaff1ff08560c784dc324a86353c471e01c442ff15d69a4bb4c08ef63c1189bb2b67af58fe973fa0ce8fdf3c0637550c164f3f3b0a8cdd3bf289e77c0eca274f3ad7426afaf26d5c2051278c5640d318e094c9560d9db1a32d553fd464c08171797c8fd253ee40bdf95223fdfe5808ded8994500de965e855a6593d59887650f727219d887c8b8c857a03332ecf8b15d20aa4b1555e16c8e834b4953d6e089572ea14db88d2c15d6a4755ddfe7729d08912fb9ec2498752c62ec38ca5ac80c9d403a23f63980c40bd903cff717f8d89b9fc719f13c0d27e2c31570ccacfe1363550c56a361dd76d41b715bdbafdc4d0d755f60ac91a29b43a7345d07df40a8b80b8019f672ebce5e9919fc82310f0075e8132f5d36b8923c1ecf7e0efe75a3158765a701971a74bddf0245d4197820239db5db96664349d4b73fec4cd5097e8afdcd35e47e7dabd9efd1bb253c1a38158e5310713cbe413f55ca984411345235cec5852f31e9a48677085ab83b9ddba2c31aeb00278d7c5406d68b7ea8ecc0c00a0e30d1a74f0af4f8fff1e7c6500b957b63df5d69319df103220f932509a30c82425047e88532b8054665c13f1e945f8be6342b66904982501a0c1b5d9330f38afd566bea562c994a0a"
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
	return &Key{Reader: "front-door", Epoch: testEpoch, Sealed: decodeHex(t, testSealedKey)}
}

// testTPMKey is the message to a reader with a TPM.
func testTPMKey(t testing.TB) *Key {
	return &Key{Reader: "front-door", Epoch: testEpoch, Sealed: decodeHex(t, testSealedTPM)}
}

func testNow(t testing.TB) *Now {
	return &Now{Reader: "front-door", Nonce: Nonce(fill(0xb0, 16)), Time: 1767225600456, Head: testSignedHead(t), PolicyRevision: 1767225601, Term: testTerm}
}

func testAck() *Ack {
	records := testRecords()
	return &Ack{Reader: "front-door", Journal: records.Journal, Number: 18, Hash: Sum(records.Records[1]), Term: testTerm}
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
			TPM:  &TPMState{Ref: testRef, Budget: Budget{Spent: 12, Limit: 500}, Nonce: testTPMNonce},
			Mode: &ModeState{Mode: ModeNormal, Waits: true},
		},
		Card: &CardRead{Command: testEnrol(t).ID, Sealed: decodeHex(t, testSealedCard)}, Level: LevelModes,
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

// ownMessage is what a reader signs.
type ownMessage interface {
	Sign(SiteID, crypto.Signer) ([]byte, error)
}

// mustSignOwn signs what a reader without a TPM says.
func mustSignOwn(t testing.TB, message ownMessage) []byte {
	t.Helper()
	return mustSignBy(t, message, testReader)
}

func mustSignBy(t testing.TB, message ownMessage, key crypto.Signer) []byte {
	t.Helper()
	signed, err := message.Sign(testSite, key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}
