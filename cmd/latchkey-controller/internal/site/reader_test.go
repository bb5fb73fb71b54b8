package site

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/device/pin"
	"latchkey/sync/wire"
)

// lookUp does what a reader does with what it was handed: it finds a tag in
// the snapshot of a bundle.
func lookUp(t *testing.T, bundle *wire.Bundle, tag wire.Tag) *wire.Credential {
	t.Helper()
	_, rest, err := wire.Next(bundle.Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := wire.OpenSnapshot(bundle.Site, bundle.Snapshot, bundle.Controller[:])
	if err != nil {
		t.Fatal(err)
	}
	manifest := snapshot.Manifest()
	if manifest.Site != bundle.Site || manifest.Epoch != bundle.Epoch {
		t.Fatalf("%+v, %v", manifest, err)
	}
	for i := range manifest.Chunks() {
		b := rest[:manifest.ChunkLength(i)]
		rest = rest[len(b):]
		chunk, err := wire.ParseChunk(b)
		if err != nil || manifest.CheckChunk(i, b) != nil {
			t.Fatal(err)
		}
		if at, found := chunk.Find(tag); found {
			c, err := chunk.Credential(at)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
	}
	return nil
}

func TestAReaderFindsPINAndCardInItsBundle(t *testing.T) {
	s, _ := newSite(t)
	uid := []byte{0x04, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0x80}
	u := &store.User{Name: "Ada", Groups: []string{"staff"}, From: 100, Until: 200, Extended: true}
	if err := tryUser(t.Context(), s, u, "58310274", uid); err != nil {
		t.Fatal(err)
	}
	adoption, bundle := adopt(t, s, noon, "front-door", newBoard(t), noEdit)

	snapshot, err := wire.OpenSnapshot(bundle.Site, bundle.Snapshot, bundle.Controller[:])
	if err != nil {
		t.Fatal(err)
	}
	manifest := snapshot.Manifest()
	if manifest.Revision != 2 || manifest.Count != 2 || adoption.Revision != 2 || adoption.Count != 2 {
		t.Fatalf("%+v, %+v, %v", manifest, adoption, err)
	}
	material, err := pin.Material([]byte("58310274"), manifest.KDF)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := pin.NewKeys(&bundle.Keys)
	if err != nil {
		t.Fatal(err)
	}
	for kind, material := range map[wire.CredentialKind][]byte{wire.PIN: material, wire.Card: uid} {
		tag, err := keys.Tag(kind, material)
		if err != nil {
			t.Fatal(err)
		}
		c := lookUp(t, bundle, tag)
		if c == nil || c.Kind != kind || c.User != u.ID || c.Name != "Ada" || !c.In("staff") || c.From != 100 || c.Until != 200 || !c.Extended {
			t.Errorf("%v: %+v", kind, c)
		}
	}
	if lookUp(t, bundle, wire.Tag{}) != nil {
		t.Error("a tag that nobody has is found")
	}

	verified, err := wire.OpenPolicy(bundle.Site, bundle.Policy, bundle.Controller[:])
	if err != nil {
		t.Fatal(err)
	}
	policy := verified.Policy()
	if policy.Reader != "front-door" || policy.Revision != uint64(noon.Unix()) || policy.TimeZone != "Europe/Zurich" || len(policy.Access) != 0 {
		t.Errorf("%+v, %v", policy, err)
	}
	if bundle.Site != s.ID || bundle.SiteName != "home" || bundle.Reader != "front-door" || bundle.Broker != "ssl://broker.example:8883" || adoption.Controller != wire.Fingerprint(bundle.Controller[:]) {
		t.Errorf("%+v", bundle)
	}
}

func TestACertificateIsTheReadersWhateverTheRequestAsksFor(t *testing.T) {
	s, _ := newSite(t)
	b := newBoard(t)
	_, bundle := adopt(t, s, noon, "front-door", b, noEdit)
	certificate, err := x509.ParseCertificate(bundle.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(bundle.Authority)
	if err != nil {
		t.Fatal(err)
	}
	if certificate.Subject.String() != "CN=front-door" || strings.Join(certificate.DNSNames, " ") != "front-door" || certificate.IsCA || len(certificate.EmailAddresses)+len(certificate.IPAddresses)+len(certificate.URIs) != 0 {
		t.Errorf("%v %v", certificate.Subject, certificate.DNSNames)
	}
	csr, err := x509.ParseCertificateRequest(b.request.CSR)
	if err != nil {
		t.Fatal(err)
	}
	if !csr.PublicKey.(*ecdsa.PublicKey).Equal(certificate.PublicKey) {
		t.Error("it is for another key")
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	for usage, ok := range map[x509.ExtKeyUsage]bool{x509.ExtKeyUsageClientAuth: true, x509.ExtKeyUsageServerAuth: false} {
		for _, now := range []time.Time{noon, noon.AddDate(80, 0, 0)} {
			_, err := certificate.Verify(x509.VerifyOptions{Roots: roots, DNSName: "front-door", CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{usage}})
			if (err == nil) != ok {
				t.Errorf("usage %v in %d: %v", usage, now.Year(), err)
			}
		}
	}
}

func TestANewerBundleRisesAndRevokes(t *testing.T) {
	s, _ := newSite(t)
	b := newBoard(t)
	first, _ := adopt(t, s, noon, "front-door", b, func(p *wire.Policy) { p.Door = "Front door" })
	second, bundle := adopt(t, s, noon, "front-door", newBoard(t), noEdit)
	if second.Number != first.Number+1 || bundle.Number != second.Number || second.Revoked != first.Number || second.Moved != "" {
		t.Errorf("%+v after %+v", second, first)
	}
	if second.Policy.Revision != first.Policy.Revision || second.Policy.Door != "Front door" {
		t.Errorf("a policy that nobody edited has changed: %+v", second.Policy)
	}
	third, _ := adopt(t, s, noon, "front-door", b, func(p *wire.Policy) { p.Place = "Main building" })
	if third.Policy.Revision != first.Policy.Revision+1 || third.Policy.Door != "Front door" {
		t.Errorf("%+v", third.Policy)
	}
	changed, _ := adopt(t, s, noon, "back-door", b, func(p *wire.Policy) { p.Reader, p.Door = "front-door", "Back door" })
	if changed.Moved != "front-door" || changed.Revoked != 0 {
		t.Errorf("%+v", changed)
	}
	peers, former, err := s.Peers(t.Context())
	if err != nil || len(peers) != 1 || peers["back-door"] == nil || peers["back-door"].Door != "Back door" || !slices.Equal(former, []string{"front-door"}) || policyOf(t, s, "front-door").Place != "Main building" {
		t.Errorf("%+v, %v, %v", peers, former, err)
	}
}

func TestWhatIsNoRequestIsRefused(t *testing.T) {
	s, _ := newSite(t)
	b := newBoard(t)
	forged, err := b.request.Sign(ed25519.NewKeyFromSeed(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		id      string
		request []byte
		edit    func(*wire.Policy)
		broker  string
	}{
		"an empty file":       {"front-door", nil, noEdit, ""},
		"another file":        {"front-door", []byte("-----BEGIN"), noEdit, ""},
		"a forged one":        {"front-door", forged, noEdit, ""},
		"an id with a slash":  {"front/door", b.signed, noEdit, ""},
		"a door in two lines": {"front-door", b.signed, func(p *wire.Policy) { p.Door = "a\nb" }, ""},
		"an unknown zone":     {"front-door", b.signed, func(p *wire.Policy) { p.TimeZone = "Mars/Olympus" }, ""},
		"a broker in two":     {"front-door", b.signed, noEdit, "a\nb"},
	} {
		if _, bundle, err := tryAdopt(t.Context(), s, noon, test.id, test.request, test.broker, test.edit); err == nil || bundle != nil {
			t.Errorf("%s is answered", name)
		}
	}
}
