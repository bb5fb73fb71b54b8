package wire

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

var update = flag.Bool("update", false, "write the test vectors anew")

const vectorDir = "testdata/vectors"

// vectors are the bytes of each message made of the fixtures. The sealed
// bundle is not among them: its encryption is different each time.
func vectors(t testing.TB) map[string][]byte {
	t.Helper()
	entries := testCredentials()
	manifest, snapshot := testSnapshot(t)
	signedManifest, chunks, err := Next(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	signedDelta, err := testDelta().Sign(testSite, testController)
	if err != nil {
		t.Fatal(err)
	}
	signedPolicy, err := testPolicy().Sign(testSite, testController)
	if err != nil {
		t.Fatal(err)
	}
	signedRequest, err := testRequest(t).Sign(testReader)
	if err != nil {
		t.Fatal(err)
	}
	bundle := testBundle(t)
	bundle.Request, bundle.Controller = Sum(testRequest(t).Lasting()), [32]byte(publicKey(testController))
	signedTPMRequest, err := testTPMRequest(t).Sign(testTPMSigner(t))
	if err != nil {
		t.Fatal(err)
	}
	bundleBrokers := *bundle
	bundleBrokers.Others = []string{"ssl://192.0.2.7:8884", "ssl://[2001:db8::7]:8883", "ssl://broker-d.example:8883"}
	noNonce := testTPMRequest(t)
	noNonce.TPM.Nonce = TPMNonce{}
	bundleTPM := *bundle
	bundleTPM.Request, bundleTPM.Keys = Sum(noNonce.Lasting()), *testTPMKeys(t)
	plain := testPolicy()
	*plain = DefaultPolicy(plain.Reader, plain.Door)
	plain.Revision, plain.Access = 1, []Access{{Group: Everyone}}
	least := Record{Number: 1, Kind: JournalBegan}
	stepped := Record{Number: 19, Before: Hash(fill(0xd0, 32)), Kind: ClockStepped, Time: 1767225607123, Trusted: true, Running: 3607000, From: 2082758400456, To: 1767225607123}
	plainNow, plainAck := *testNow(t), *testAck() // of a controller that knows no terms
	plainNow.Term, plainAck.Term = 0, 0
	return map[string][]byte{
		"credential":            Marshal(&entries[1].Credential),
		"credential-plain":      Marshal(&entries[0].Credential),
		"credential-duress":     Marshal(testDuressPIN()),
		"credential-limited":    Marshal(testLimitedPIN()),
		"change":                Marshal(Change{Tag: entries[1].Tag, Credential: &entries[1].Credential}),
		"change-removed":        Marshal(Change{Tag: entries[1].Tag}),
		"delta":                 Marshal(testDelta()),
		"delta-signed":          signedDelta,
		"delta-signed-external": external(KindDelta, testSite),
		"manifest":              Marshal(manifest),
		"manifest-signed":       signedManifest,
		"chunk":                 chunks,
		"policy":                Marshal(testPolicy()),
		"policy-plain":          Marshal(plain),
		"policy-screen":         Marshal(testScreenPolicy()),
		"policy-modes":          Marshal(testModesPolicy()),
		"policy-proofs":         Marshal(testProofsPolicy()),
		"policy-brokers":        Marshal(testBrokersPolicy()),
		"policy-signed":         signedPolicy,
		"command":               Marshal(testCommand()),
		"command-signed":        mustSign(t, KindCommand, Marshal(testCommand())),
		"record":                Marshal(testRecord()),
		"record-least":          Marshal(&least),
		"record-stepped":        Marshal(&stepped),
		"request":               Marshal(testRequest(t)),
		"request-signed":        signedRequest,
		"bundle":                Marshal(bundle),
		"bundle-brokers":        Marshal(&bundleBrokers),

		"handover":       Marshal(&Handover{Request: signedRequest}),
		"handover-named": Marshal(&Handover{Request: signedTPMRequest, Reader: "front-door"}),
		"answer-waiting": Marshal(&HandoverAnswer{Site: "home", Controller: [32]byte(publicKey(testController))}),
		"answer":         Marshal(&HandoverAnswer{Site: "home", Controller: [32]byte(publicKey(testController)), Bundle: []byte("a sealed bundle")}),

		"request-tpm":          Marshal(testTPMRequest(t)),
		"request-tpm-no-nonce": Marshal(noNonce),
		"request-tpm-signed":   signedTPMRequest,
		"state-tpm-signed":     mustSignBy(t, testState(t), testTPMSigner(t)),
		"records-tpm-signed":   mustSignBy(t, testRecords(), testTPMSigner(t)),
		"fetch-tpm-signed":     mustSignBy(t, testFetch(WantDeltas), testTPMSigner(t)),
		"bundle-tpm":           Marshal(&bundleTPM),
		"epochkeys":            Marshal(testEpochKeys(t)),
		"epochkeys-tpm":        Marshal(testTPMKeys(t)),
		"epochkeys-refill":     Marshal(testRefilled(t)),
		"request-certified":    Marshal(testCertified(t)),
		"epochkeys-certified":  Marshal(testActivated(t)),
		"key-tpm":              Marshal(testTPMKey(t)),
		"key-tpm-signed":       mustSign(t, KindKey, Marshal(testTPMKey(t))),
		"hpke-key-tpm":         Marshal(testHPKE(t, testSealing(t), sealedKey, Marshal(testRefilled(t)), testSealedTPM)),

		"hpke-card-to-key":    Marshal(testHPKE(t, testEnrolKey(t), sealedCardToKey, Marshal(testCardToKey(t)), testSealedCardToKey)),
		"hpke-card-keys":      Marshal(testHPKE(t, testSealing(t), sealedCardKeys, Marshal(testCardKeySets(t)), testSealedCardKeys)),
		"tokey":               Marshal(testCardToKey(t)),
		"keysets":             Marshal(testCardKeySets(t)),
		"card":                Marshal(testCardKeys(t)),
		"card-signed":         mustSign(t, KindCard, Marshal(testCardKeys(t))),
		"credential-card":     Marshal(testProvenCard(t)),
		"command-personalise": Marshal(testPersonalise(t)),

		"hpke-key":  Marshal(testHPKE(t, testSealing(t), sealedKey, Marshal(testEpochKeys(t)), testSealedKey)),
		"hpke-card": Marshal(testHPKE(t, testEnrolKey(t), sealedCard, testCardUID, testSealedCard)),

		"command-enrol":  Marshal(testEnrol(t)),
		"head":           Marshal(testHead()),
		"head-signed":    testSignedHead(t),
		"key":            Marshal(testKey(t)),
		"key-signed":     mustSign(t, KindKey, Marshal(testKey(t))),
		"now":            Marshal(testNow(t)),
		"now-plain":      Marshal(&plainNow),
		"now-signed":     mustSign(t, KindNow, Marshal(testNow(t))),
		"ack":            Marshal(testAck()),
		"ack-plain":      Marshal(&plainAck),
		"ack-signed":     mustSign(t, KindAck, Marshal(testAck())),
		"state":          Marshal(testState(t)),
		"state-signed":   mustSignOwn(t, testState(t)),
		"state-offline":  Marshal(&State{Reader: "front-door", Connection: 7}),
		"records":        Marshal(testRecords()),
		"records-signed": mustSignOwn(t, testRecords()),
		"fetch-deltas":   Marshal(testFetch(WantDeltas)),
		"fetch-snapshot": Marshal(testFetch(WantSnapshot)),
		"fetch-chunks":   Marshal(testFetch(WantChunks)),
		"fetch-signed":   mustSignOwn(t, testFetch(WantDeltas)),
		"reply-deltas":   Marshal(&Reply{Number: 1, Deltas: [][]byte{signedDelta}}),
		"reply-manifest": Marshal(&Reply{Number: 2, Manifest: signedManifest}),
		"reply-chunks":   Marshal(&Reply{Number: 3, Chunks: []ChunkPart{{Index: 0, Chunk: chunks}}}),
		"reply-none":     Marshal(&Reply{Number: 3}),
	}
}

func TestEachMessageHasTheBytesOfItsVector(t *testing.T) {
	for name, b := range vectors(t) {
		compareVector(t, name, b)
	}
}

// compareVector compares b with the file of a name, and its diagnostic
// notation (RFC 8949 §8) with the one beside it.
func compareVector(t *testing.T, name string, b []byte) {
	t.Helper()
	notation, err := cbor.DiagOptions{ByteStringText: false}.DiagMode()
	if err != nil {
		t.Fatal(err)
	}
	diagnostic, err := notation.Diagnose(b)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for file, content := range map[string][]byte{name + ".cbor": b, name + ".diag": []byte(diagnostic + "\n")} {
		path := filepath.Join(vectorDir, file)
		if *update {
			if err := os.WriteFile(path, content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if stored, err := os.ReadFile(path); err != nil {
			t.Error(err)
		} else if !bytes.Equal(stored, content) {
			t.Errorf("%s\nhas  %x\nwant %x", file, content, stored)
		}
	}
}

func TestEachVectorFileIsCompared(t *testing.T) {
	made := vectors(t)
	made["sealed-bundle"] = nil
	files, err := os.ReadDir(vectorDir)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 2*len(made) {
		t.Errorf("%d files for %d vectors", len(files), len(made))
	}
	for _, file := range files {
		name := strings.TrimSuffix(file.Name(), filepath.Ext(file.Name()))
		if _, found := made[name]; !found {
			t.Errorf("%s belongs to no vector", file.Name())
		}
	}
}

func TestTheStoredBundleOpens(t *testing.T) {
	want := testBundle(t)
	sealed, err := os.ReadFile(filepath.Join(vectorDir, "sealed-bundle.cbor"))
	if err != nil && !(*update && os.IsNotExist(err)) {
		t.Fatal(err)
	}
	got, err := OpenBundle(sealed, testRequest(t), testSealing(t))
	want.Request, want.Controller = Sum(testRequest(t).Lasting()), [32]byte(publicKey(testController))
	if *update && (err != nil || !reflect.DeepEqual(got, want)) {
		if sealed, err = SealBundle(want, testRequest(t), testController); err != nil {
			t.Fatal(err)
		}
		got, err = OpenBundle(sealed, testRequest(t), testSealing(t))
	}
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("opened\n%+v, want\n%+v", got, want)
	}
	compareVector(t, "sealed-bundle", sealed)
}

// parsed decodes the vector of a name with the function for it and returns
// the message.
func parsed(t testing.TB, name string, b []byte) any {
	t.Helper()
	message, err := parsers[strings.Split(name, "-")[0]](b)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return message
}

// parsers decode the payload of each kind of message.
var parsers = map[string]func([]byte) (any, error){
	"credential": func(b []byte) (any, error) {
		var c Credential
		if err := Unmarshal(b, MaxChunk, &c); err != nil {
			return nil, err
		}
		return &c, c.Check()
	},
	"change": func(b []byte) (any, error) {
		var c Change
		return &c, Unmarshal(b, MaxDelta, &c)
	},
	"delta":    parserOf(KindDelta),
	"manifest": parserOf(KindManifest),
	"chunk":    func(b []byte) (any, error) { return ParseChunk(b) },
	"policy":   parserOf(KindPolicy),
	"command":  parserOf(KindCommand),
	"record":   func(b []byte) (any, error) { return ParseRecord(b) },
	"head":     parserOf(KindHead),
	"key":      parserOf(KindKey),
	"epochkeys": func(b []byte) (any, error) {
		var k EpochKeys
		if err := Unmarshal(b, MaxEpochKeys, &k); err != nil {
			return nil, err
		}
		return &k, k.Check()
	},
	"now":  parserOf(KindNow),
	"ack":  parserOf(KindAck),
	"card": parserOf(KindCard),
	"tokey": func(b []byte) (any, error) {
		var c CardToKey
		if err := Unmarshal(b, maxCardToKey, &c); err != nil {
			return nil, err
		}
		return &c, c.check()
	},
	"keysets": func(b []byte) (any, error) {
		var s CardKeySets
		if err := Unmarshal(b, maxCardKeySets, &s); err != nil {
			return nil, err
		}
		return &s, s.Check()
	},
	"state":   parserOf(KindState),
	"records": parserOf(KindRecords),
	"fetch":   parserOf(KindFetch),
	"reply":   func(b []byte) (any, error) { return ParseReply(b) },
	"request": func(b []byte) (any, error) {
		var r Request
		return &r, Unmarshal(b, MaxMessage, &r)
	},
	"handover": func(b []byte) (any, error) { return ParseHandover(b) },
	"answer":   func(b []byte) (any, error) { return ParseHandoverAnswer(b) },
	"bundle": func(b []byte) (any, error) {
		var bundle Bundle
		return &bundle, Unmarshal(b, MaxBundle, &bundle)
	},
	"sealed": func(b []byte) (any, error) {
		var s sealed
		return &s, Unmarshal(b, MaxBundle, &s)
	},
}

func parserOf(kind Kind) func(b []byte) (any, error) {
	return func(b []byte) (any, error) {
		m := kind.empty()
		return m, parse(kind, b, m)
	}
}

func TestEachVectorReadsBackAsWhatItWasMadeOf(t *testing.T) {
	made := map[string]any{
		"credential": &testCredentials()[1].Credential,
		"delta":      testDelta(),
		"policy":     testPolicy(),
		"command":    testCommand(),
		"record":     testRecord(),
		"request":    testRequest(t),
		"head":       testHead(),
		"key":        testKey(t),
		"epochkeys":  testEpochKeys(t),
		"now":        testNow(t),
		"ack":        testAck(),
		"card":       testCardKeys(t),
		"tokey":      testCardToKey(t),
		"keysets":    testCardKeySets(t),
		"state":      testState(t),
		"records":    testRecords(),
		"fetch":      testFetch(WantChunks),
		"handover":   &Handover{Request: []byte("a request"), Reader: "front-door"},
		"answer":     &HandoverAnswer{Site: "home", Controller: [32]byte(publicKey(testController)), Bundle: []byte{1}},
		"reply":      &Reply{Number: 3, Chunks: []ChunkPart{{Index: 5, Chunk: []byte{1}}}},
	}
	for name, want := range made {
		if got := parsed(t, name, Marshal(want)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	if got := parsed(t, "request", Marshal(testTPMRequest(t))); !reflect.DeepEqual(got, testTPMRequest(t)) {
		t.Errorf("a request with a TPM: %+v", got)
	}
	if got := parsed(t, "request", Marshal(testCertified(t))); !reflect.DeepEqual(got, testCertified(t)) {
		t.Errorf("a request with a certified TPM: %+v", got)
	}
	if got := parsed(t, "epochkeys", Marshal(testActivated(t))); !reflect.DeepEqual(got, testActivated(t)) {
		t.Errorf("keys of a certified TPM: %+v", got)
	}
	if got := parsed(t, "epochkeys", Marshal(testTPMKeys(t))); !reflect.DeepEqual(got, testTPMKeys(t)) {
		t.Errorf("keys of a TPM: %+v", got)
	}
	if got := parsed(t, "policy", Marshal(testScreenPolicy())); !reflect.DeepEqual(got, testScreenPolicy()) {
		t.Errorf("a policy with a screen: %+v", got)
	}
}

// payloads are the vectors that a parser reads.
func payloads(t testing.TB) map[string][]byte {
	t.Helper()
	all := vectors(t)
	for name := range all {
		if strings.Contains(name, "signed") {
			delete(all, name)
		}
	}
	sealed, err := fs.ReadFile(os.DirFS(vectorDir), "sealed-bundle.cbor")
	if err != nil {
		t.Fatal(err)
	}
	all["sealed-bundle"] = sealed
	return all
}
