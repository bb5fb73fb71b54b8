package wire

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"testing"
)

// fill returns n bytes that count up from first.
func fill(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

// The keys and ids of the test vectors.
var (
	testSite       = SiteID(fill(0x10, 16))
	testController = ed25519.NewKeyFromSeed(fill(0x20, 32))
	testReader     = ed25519.NewKeyFromSeed(fill(0x40, 32))
	testKDF        = KDF{Salt: [16]byte(fill(0x60, 16)), Memory: 19456, Time: 2, Threads: 4}
)

const testEpoch = 1767225600

const testTerm = 1767225605

func publicKey(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

func testSealing(t testing.TB) *ecdh.PrivateKey {
	t.Helper()
	key, err := ecdh.X25519().NewPrivateKey(fill(0x80, 32))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func testCredentials() []Entry {
	return []Entry{
		{Tag(fill(0xa0, 16)), Credential{ID: 1, Kind: PIN, User: 1, Name: "Ada Lovelace"}},
		{Tag(fill(0x30, 16)), Credential{ID: 2, Kind: Card, User: 2, Name: "Zoë", Groups: []string{"cleaners", "staff"}, From: 1767225600, Until: 1798761600, Extended: true}},
		{Tag(fill(0x31, 16)), Credential{ID: 3, Kind: Card, User: 1, Name: "Ada Lovelace"}},
	}
}

// testDelta adds all of testCredentials and takes the last away again.
func testDelta() *Delta {
	d := &Delta{Epoch: testEpoch, From: 0, FromHash: Start(testEpoch)}
	entries := testCredentials()
	for i := range entries {
		d.Changes = append(d.Changes, Change{Tag: entries[i].Tag, Credential: &entries[i].Credential})
	}
	d.Changes = append(d.Changes, Change{Tag: entries[2].Tag})
	d.To, d.ToHash = uint64(len(d.Changes)), d.FromHash
	for _, change := range d.Changes {
		d.ToHash = d.ToHash.Extend(change)
	}
	return d
}

func testSnapshot(t testing.TB) (*Manifest, []byte) {
	t.Helper()
	d := testDelta()
	m := &Manifest{Site: testSite, Epoch: d.Epoch, Revision: d.To, Hash: d.ToHash, KDF: testKDF}
	snapshot, err := WriteSnapshot(m, testCredentials()[:2], testController)
	if err != nil {
		t.Fatal(err)
	}
	return m, snapshot
}

func testPolicy() *Policy {
	p := DefaultPolicy("front-door", "Front door")
	p.Revision = 1767225601
	p.Place, p.Greeting, p.TimeZone = "Main building", "Welcome", "Europe/Berlin"
	p.Access = []Access{
		{Group: Everyone, Schedule: &Schedule{Week: []Span{{Day: 1, From: 480, To: 1080}, {Day: 2, From: 480, To: 1440}}, Holiday: []Span{{From: 600, To: 720}}}},
		{Group: "staff"},
	}
	p.Holidays = []Holiday{{Month: 12, Day: 25}, {Year: 2026, Month: 4, Day: 6}}
	return &p
}

// testScreenPolicy sets what testPolicy leaves to the reader.
func testScreenPolicy() *Policy {
	p := DefaultPolicy("front-door", "Eingang")
	p.Revision, p.Access = 1767225602, []Access{{Group: Everyone}}
	p.Screen = Screen{Language: "de-AT", LargeText: true, HighContrast: true}
	return &p
}

// testModesPolicy has all that modes can be.
func testModesPolicy() *Policy {
	p := DefaultPolicy("front-door", "Front door")
	p.Revision, p.Access = 1767225603, []Access{{Group: Everyone}, {Group: "guards"}}
	p.Modes = []WantedMode{
		{Mode: ModeUnlocked, Until: 1767290400, By: "Grace Hopper"}, {Mode: ModeLocked, Until: 1767312000, By: "Grace Hopper"},
		{Mode: ModeLockdown, By: "Ada Lovelace"}, {Mode: ModeEvacuation, By: "Ada Lovelace"},
	}
	p.Exempt, p.InLockdown = []string{"cleaners", "guards"}, []string{"guards"}
	p.Opening = &Opening{Schedule: Schedule{Week: []Span{{Day: 1, From: 480, To: 1080}}}, First: "guards", After: 1767225600}
	return &p
}

// testProofsPolicy wants card and PIN at night.
func testProofsPolicy() *Policy {
	p := DefaultPolicy("front-door", "Front door")
	p.Revision, p.Access = 1767225604, []Access{{Group: Everyone}}
	p.TwoProofs = &TwoProofs{Schedule: &Schedule{Week: []Span{{Day: 1, From: 0, To: 360}, {Day: 1, From: 1200, To: 1440}}, Holiday: []Span{{To: 1440}}}}
	return &p
}

// testBrokersPolicy names as many brokers as a policy can.
func testBrokersPolicy() *Policy {
	p := DefaultPolicy("front-door", "Front door")
	p.Revision, p.Access = 1767225605, []Access{{Group: Everyone}}
	p.Brokers = []string{"ssl://broker-a.example:8883", "ssl://192.0.2.7:8884", "ssl://[2001:db8::7]:8883", "tcp://127.0.0.1:1883"}
	return &p
}

func testDuressPIN() *Credential {
	return &Credential{ID: 5, Kind: PIN, User: 1, Name: "Ada Lovelace", Duress: true}
}

func testLimitedPIN() *Credential {
	return &Credential{ID: 6, Kind: PIN, User: 3, Name: "A plumber", From: 1767225600, Until: 1767312000, Uses: 2, Within: 3600, Made: 1767139200}
}

func testCommand() *Command {
	return &Command{Reader: "front-door", Nonce: Nonce(fill(0xb0, 16)), ID: CommandID(fill(0xc0, 16)), Order: Unlock, By: "Grace Hopper", InLockdown: true, MaxAge: 4000, Term: testTerm}
}

// testRecord sets every member.
func testRecord() *Record {
	return &Record{
		Number: 17, Before: Hash(fill(0xd0, 32)), Kind: LockoutStarted, Time: 1767225600123, Trusted: true, Running: 3600000, Seq: 9,
		Credential: 1, User: 1, By: "pin", Reason: "a reason", Cause: CauseGuessing, Wrong: 3, Seconds: 5, Users: []uint64{1, 2}, Tag: fill(0x30, 8),
		Command: CommandID(fill(0xc0, 16)), Order: Unlock, Who: "Grace Hopper",
		Site: testSite, Epoch: testEpoch, Revision: 4, Hash: Hash(fill(0xe0, 32)), PolicyRevision: 1767225601,
		Subject: "nfc", Text: "ok", Count: 12, First: 3, Last: 7, Version: "devel", State: []byte{0xa0}, Mode: ModeLockdown,
	}
}

// testRequest is the same each time: crypto/ecdsa signs deterministically
// (RFC 6979) without a source of randomness.
func testRequest(t testing.TB) *Request {
	t.Helper()
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), fill(0x01, 32))
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(nil, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "latchkey reader"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return &Request{Signing: [32]byte(publicKey(testReader)), Sealing: [32]byte(testSealing(t).PublicKey().Bytes()), CSR: csr}
}

func testBundle(t testing.TB) *Bundle {
	t.Helper()
	policy, err := testPolicy().Sign(testSite, testController)
	if err != nil {
		t.Fatal(err)
	}
	_, snapshot := testSnapshot(t)
	return &Bundle{
		Number: 1767225602, Site: testSite, SiteName: "home", Reader: "front-door", Epoch: testEpoch, Keys: *testEpochKeys(t),
		Certificate: []byte("the reader's certificate"), Authority: []byte("the authority's certificate"),
		Broker: "ssl://broker.example:8883", Policy: policy, Snapshot: snapshot,
	}
}

func mustSign(t testing.TB, kind Kind, payload []byte) []byte {
	t.Helper()
	signed, err := Sign(kind, testSite, payload, testController)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}
