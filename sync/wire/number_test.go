package wire

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/veraison/go-cose"
)

// sixtyFour calls f with each settable 64-bit number within v and its path.
func sixtyFour(v reflect.Value, path string, f func(path string, v reflect.Value)) {
	switch v.Kind() {
	case reflect.Uint64:
		f(path, v)
	case reflect.Pointer:
		if !v.IsNil() {
			sixtyFour(v.Elem(), path, f)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			sixtyFour(v.Index(i), fmt.Sprintf("%s[%d]", path, i), f)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() {
				sixtyFour(v.Field(i), path+"."+field.Name, f)
			}
		}
	}
}

// everyMessage returns a new message of each kind, by the name of its parser.
func everyMessage(t *testing.T) map[string]func() any {
	full := func() any {
		r := testRecord()
		sixtyFour(reflect.ValueOf(r), "", func(_ string, v reflect.Value) { v.SetUint(max(1, v.Uint())) })
		r.Users = []uint64{1, 2}
		return r
	}
	return map[string]func() any{
		"credential": func() any { c := testCredentials()[1].Credential; return &c },
		"change":     func() any { e := testCredentials()[1]; return &Change{Tag: e.Tag, Credential: &e.Credential} },
		"delta":      func() any { return testDelta() },
		"manifest":   func() any { m, _ := testSnapshot(t); return m },
		"policy":     func() any { return testPolicy() },
		"command":    func() any { return testCommand() },
		"record":     full,
		"request":    func() any { return testRequest(t) },
		"bundle":     func() any { return testBundle(t) },
		"head":       func() any { return testHead() },
		"key":        func() any { return testKey(t) },
		"epochkeys":  func() any { return testEpochKeys(t) },
		"now":        func() any { return testNow(t) },
		"ack":        func() any { return testAck() },
		"state":      func() any { return testState(t) },
		"records":    func() any { return testRecords() },
		"fetch":      func() any { return testFetch(WantDeltas) },
		"reply":      func() any { return &Reply{Number: 3, Chunks: []ChunkPart{{Index: 5, Chunk: []byte{1}}}} },
	}
}

func TestNoNumberOfAnyMessageIsAboveWhatEverybodyKeeps(t *testing.T) {
	for name, message := range everyMessage(t) {
		tried := 0
		var paths []string
		sixtyFour(reflect.ValueOf(message()), name, func(path string, _ reflect.Value) { paths = append(paths, path) })
		for _, path := range paths {
			m := message()
			sixtyFour(reflect.ValueOf(m), name, func(p string, v reflect.Value) {
				if p == path {
					v.SetUint(MaxNumber + 1)
					tried++
				}
			})
			if _, err := Encode(m); !errors.Is(err, errTooHigh) {
				t.Errorf("%s is encoded: %v", path, err)
			}
			if _, err := parsers[name](Marshal(m)); !errors.Is(err, errTooHigh) {
				t.Errorf("%s is read: %v", path, err)
			}
			if _, err := Sign(KindPolicy, testSite, Marshal(m), testController); !errors.Is(err, errTooHigh) {
				t.Errorf("%s is signed: %v", path, err)
			}
		}
		if tried != len(paths) {
			t.Errorf("%s: %d of %d numbers were tried", name, tried, len(paths))
		}
	}
	for kind, want := range map[string]int{"record": 12, "policy": 1, "delta": 9, "credential": 2, "manifest": 3} {
		n := 0
		sixtyFour(reflect.ValueOf(everyMessage(t)[kind]()), "", func(string, reflect.Value) { n++ })
		if n < want {
			t.Errorf("%s has only %d numbers: the walk misses some", kind, n)
		}
	}
}

func TestEachParserHasAMessageWhoseNumbersAreTried(t *testing.T) {
	messages := everyMessage(t)
	for name := range parsers {
		if messages[name] == nil && !slices.Contains([]string{"chunk", "sealed", "card", "tokey", "keysets", "handover", "answer"}, name) { // these hold no numbers of 64 bits
			t.Errorf("no %s is tried", name)
		}
	}
}

func TestTheHighestNumberIsReadEverywhere(t *testing.T) {
	p := testPolicy()
	p.Revision = MaxNumber
	if _, err := ParsePolicy(Marshal(p)); err != nil {
		t.Error(err)
	}
	for _, b := range [][]byte{{0x1b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0x3b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0xf4, 0xf6, 0x61, 'a'}} {
		if err := checkNumbers(b); err != nil {
			t.Errorf("%x: %v", b, err)
		}
	}
	if err := checkNumbers([]byte{0x3b, 0x80, 0, 0, 0, 0, 0, 0, 0}); !errors.Is(err, errTooHigh) {
		t.Errorf("below -2^63: %v", err)
	}
}

func TestATimeAfterTheYear9999IsNeitherReadNorKept(t *testing.T) {
	for name, change := range map[string]func(*Credential){
		"from":  func(c *Credential) { c.From, c.Until = MaxTime+1, 0 },
		"until": func(c *Credential) { c.Until = MaxTime + 1 },
	} {
		c := testCredentials()[1].Credential
		change(&c)
		if err := c.Check(); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	r := testRecord()
	r.Time = endTime
	if _, err := r.Encode(); err == nil {
		t.Error("a record of the year 10000 is kept")
	}
	r.Time = ClipTime(r.Time)
	if _, err := r.Encode(); err != nil {
		t.Error(err)
	}
	n := testNow(t)
	n.Time = endTime
	if err := CheckPayload(KindNow, Marshal(n)); err == nil {
		t.Error("a now of the year 10000 is signed")
	}
	p := testPolicy()
	p.Holidays = []Holiday{{Year: 10000, Month: 1, Day: 1}}
	if err := p.Check(); err == nil {
		t.Error("a holiday of the year 10000 is taken")
	}
}

// refusals are messages that each receiver refuses, made of the fixtures: the payloads'
// vectors have the names of what is wrong with them.
func refusals(t testing.TB) map[string][]byte {
	t.Helper()
	high := uint64(MaxNumber + 1)
	policy, command, head, ack, key, now := testPolicy(), testCommand(), testHead(), testAck(), testKey(t), testNow(t)
	policy.Revision, head.Revision, ack.Number, key.Epoch, now.PolicyRevision = high, high, high, high, high
	command.Order = "hold" // of older controllers
	credential := testCredentials()[1].Credential
	credential.ID = high
	until := testCredentials()[1].Credential
	until.Until = MaxTime + 1
	late, nowTerm, ackTerm, orderTerm := testNow(t), testNow(t), testAck(), testCommand()
	late.Time = endTime
	nowTerm.Term, ackTerm.Term, orderTerm.Term = high, high, high
	delta := testDelta()
	delta.From, delta.To = high, high+uint64(len(delta.Changes))
	request := testRequest(t)
	request.Signing = [32]byte{1} // the neutral point
	zero := testRequest(t)
	zero.Sealing = [32]byte{}
	both, noPoint, compressed := testTPMRequest(t), testTPMRequest(t), testTPMRequest(t)
	both.Signing = testRequest(t).Signing
	noPoint.TPM.Signing[64] ^= 1
	compressed.TPM.Signing[0] = 2 + compressed.TPM.Signing[64]&1
	neither := testRequest(t)
	neither.Signing = [32]byte{}
	five, plain := testBrokersPolicy(), testBrokersPolicy()
	five.Brokers = append(five.Brokers, "ssl://broker-e.example:8883")
	plain.Brokers[3] = "tcp://192.0.2.7:1883"
	return map[string][]byte{
		"policy-five-brokers":       Marshal(five),
		"policy-broker-without-tls": Marshal(plain),
		"policy-revision-too-high":  Marshal(policy),
		"command-hold":              Marshal(command),
		"head-revision-too-high":    Marshal(head),
		"ack-number-too-high":       Marshal(ack),
		"key-epoch-too-high":        Marshal(key),
		"now-revision-too-high":     Marshal(now),
		"now-in-the-year-10000":     Marshal(late),
		"now-term-too-high":         Marshal(nowTerm),
		"ack-term-too-high":         Marshal(ackTerm),
		"command-term-too-high":     Marshal(orderTerm),
		"credential-id-too-high":    Marshal(&credential),
		"credential-until-too-late": Marshal(&until),
		"delta-from-too-high":       Marshal(delta),
		"request-signing-weak":      Marshal(request),
		"request-sealing-weak":      Marshal(zero),

		"handover-no-request":     Marshal(&Handover{Reader: "front-door"}),
		"handover-reader-no-name": Marshal(&Handover{Request: []byte{1}, Reader: "Front door"}),
		"answer-site-no-name":     Marshal(&HandoverAnswer{Site: "a\nb", Controller: [32]byte(publicKey(testController))}),
		"answer-controller-weak":  Marshal(&HandoverAnswer{Site: "home", Controller: [32]byte{1}}),

		"request-two-signing-keys":       Marshal(both),
		"request-no-signing-key":         Marshal(neither),
		"request-tpm-signing-no-point":   Marshal(noPoint),
		"request-tpm-signing-compressed": Marshal(compressed),
	}
}

const refusedDir = "testdata/refused"

func TestEachVectorOfARefusalIsRefused(t *testing.T) {
	made := refusals(t)
	for name, b := range made {
		path := filepath.Join(refusedDir, name+".cbor")
		if *update {
			if err := os.WriteFile(path, b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if stored, err := os.ReadFile(path); err != nil || !bytes.Equal(stored, b) {
			t.Errorf("%s has %x, want %x, %v", path, stored, b, err)
		}
		kind, _, _ := strings.Cut(name, "-")
		parse := parsers[kind]
		if kind == "request" {
			parse = func(b []byte) (any, error) {
				r, _, err := ParseRequest(forged(t, KindRequest, SiteID{}, b))
				return r, err
			}
		}
		if m, err := parse(b); err == nil {
			t.Errorf("%s is read as %+v", name, m)
		}
	}
	files, err := os.ReadDir(refusedDir)
	if err != nil || len(files) != len(made) {
		t.Errorf("%d files for %d refusals, %v", len(files), len(made), err)
	}
}

// forged signs what Sign would not.
func forged(t testing.TB, kind Kind, site SiteID, payload []byte) []byte {
	t.Helper()
	signer, err := cose.NewSigner(cose.AlgorithmEdDSA, testController)
	if err != nil {
		t.Fatal(err)
	}
	message := cose.NewSign1Message()
	message.Headers.Protected.SetAlgorithm(cose.AlgorithmEdDSA)
	message.Payload = payload
	if err := message.Sign(nil, external(kind, site), signer); err != nil {
		t.Fatal(err)
	}
	signed, err := message.MarshalCBOR()
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestASnapshotHoldsNoCredentialThatCouldNotBeReadBack(t *testing.T) {
	for name, change := range map[string]func(*Credential){
		"an id above all":      func(c *Credential) { c.ID = MaxNumber + 1 },
		"a user above all":     func(c *Credential) { c.User = MaxNumber + 1 },
		"until the year 10000": func(c *Credential) { c.Until = MaxTime + 1 },
	} {
		entries := testCredentials()
		change(&entries[1].Credential)
		if _, err := WriteSnapshot(&Manifest{Site: testSite, Epoch: testEpoch, KDF: testKDF}, entries, testController); err == nil {
			t.Errorf("%s is written", name)
		}
	}
}
