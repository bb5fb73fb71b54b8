package wire

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"
)

// openers open a signed message of each kind of the link; nil says that nothing
// was returned.
var openers = map[Kind]func(SiteID, []byte, ed25519.PublicKey) (any, error){
	KindManifest: func(s SiteID, b []byte, k ed25519.PublicKey) (any, error) { return orNil(OpenManifest(s, b, k)) },
	KindDelta:    func(s SiteID, b []byte, k ed25519.PublicKey) (any, error) { return orNil(OpenDelta(s, b, k)) },
	KindPolicy:   func(s SiteID, b []byte, k ed25519.PublicKey) (any, error) { return orNil(OpenPolicy(s, b, k)) },
	KindHead:     func(s SiteID, b []byte, k ed25519.PublicKey) (any, error) { return orNil(OpenHead(s, b, k)) },
	KindCommand:  func(s SiteID, b []byte, k ed25519.PublicKey) (any, error) { return orNil(OpenCommand(s, b, k)) },
	KindKey:      func(s SiteID, b []byte, k ed25519.PublicKey) (any, error) { return orNil(OpenKey(s, b, k)) },
	KindNow:      func(s SiteID, b []byte, k ed25519.PublicKey) (any, error) { return orNil(OpenNow(s, b, k)) },
	KindAck:      func(s SiteID, b []byte, k ed25519.PublicKey) (any, error) { return orNil(OpenAck(s, b, k)) },
	KindState:    func(s SiteID, b []byte, k ed25519.PublicKey) (any, error) { return orNil(OpenState(s, b, k)) },
	KindRecords:  func(s SiteID, b []byte, k ed25519.PublicKey) (any, error) { return orNil(OpenRecords(s, b, k)) },
	KindFetch:    func(s SiteID, b []byte, k ed25519.PublicKey) (any, error) { return orNil(OpenFetch(s, b, k)) },
}

func orNil[M any](m *M, err error) (any, error) {
	if m == nil {
		return nil, err
	}
	return m, err
}

func TestNothingIsOpenedThatIsNotSignedForTheSiteByTheKeyAsItsKind(t *testing.T) {
	manifest, _ := testSnapshot(t)
	payloads := map[Kind][]byte{
		KindManifest: Marshal(manifest), KindDelta: Marshal(testDelta()), KindPolicy: Marshal(testPolicy()), KindHead: Marshal(testHead()),
		KindCommand: Marshal(testCommand()), KindKey: Marshal(testKey(t)), KindNow: Marshal(testNow(t)), KindAck: Marshal(testAck()),
		KindState: Marshal(testState(t)), KindRecords: Marshal(testRecords()), KindFetch: Marshal(testFetch(WantDeltas)),
	}
	otherSite, key := testSite, publicKey(testController)
	otherSite[0] ^= 1
	for kind, open := range openers {
		signed := mustSign(t, kind, payloads[kind])
		if m, err := open(testSite, signed, key); m == nil || err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		for _, refused := range []struct {
			name   string
			site   SiteID
			signed []byte
			key    ed25519.PublicKey
			want   error
		}{
			{"for another site", otherSite, signed, key, ErrSignature},
			{"by another key", testSite, signed, publicKey(testReader), ErrSignature},
			{"as another kind", testSite, mustSign(t, KindBundle, payloads[kind]), key, ErrSignature},
			{"changed since", testSite, flip(signed, len(signed)-80), key, ErrSignature},
			{"not at all", testSite, payloads[kind], key, ErrEncoding},
			{"around nothing", testSite, mustSign(t, kind, []byte{0xa0}), key, nil},
		} {
			if m, err := open(refused.site, refused.signed, refused.key); err == nil || m != nil || refused.want != nil && !errors.Is(err, refused.want) {
				t.Errorf("%s signed %s: %v, %v", kind, refused.name, m, err)
			}
		}
	}
}

func TestAVerifiedMessageHasTheBytesThatWereSignedAndWhatTheySay(t *testing.T) {
	key := publicKey(testController)
	signed := mustSign(t, KindPolicy, Marshal(testPolicy()))
	policy, err := OpenPolicy(testSite, signed, key)
	if err != nil || !bytes.Equal(policy.Signed(), signed) || !bytes.Equal(Marshal(policy.Policy()), Marshal(testPolicy())) {
		t.Error(policy, err)
	}
	signed = mustSign(t, KindDelta, Marshal(testDelta()))
	delta, err := OpenDelta(testSite, signed, key)
	if err != nil || !bytes.Equal(delta.Signed(), signed) || !bytes.Equal(Marshal(delta.Delta()), Marshal(testDelta())) {
		t.Error(delta, err)
	}
	head, err := OpenHead(testSite, testSignedHead(t), key)
	if err != nil || !bytes.Equal(head.Signed(), testSignedHead(t)) || head.Position() != *testHead() {
		t.Error(head, err)
	}
}

func TestAManifestOfAnotherSiteOrWithoutAnEpochIsNotOpened(t *testing.T) {
	for name, change := range map[string]func(*Manifest){
		"another site": func(m *Manifest) { m.Site[0] ^= 1 },
		"no epoch":     func(m *Manifest) { m.Epoch = 0 },
	} {
		m, _ := testSnapshot(t)
		change(m)
		if v, err := OpenManifest(testSite, mustSign(t, KindManifest, Marshal(m)), publicKey(testController)); err == nil || v != nil {
			t.Errorf("%s: %v, %v", name, v, err)
		}
	}
}
