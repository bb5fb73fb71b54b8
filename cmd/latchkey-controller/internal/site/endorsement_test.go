package site

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// trust adds authorities to a site.
func trust(t *testing.T, s *Site, authorities ...*x509.Certificate) {
	t.Helper()
	err := s.Update(t.Context(), func(tx *store.Tx) error {
		for _, c := range authorities {
			if err := tx.AddTPMAuthority(noon.Unix(), c.Raw); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestKeysForACertifiedTPMAreForThatAlone(t *testing.T) {
	s, _ := newSite(t)
	maker := boardtest.NewTPMMaker(t, "Maker", nil, nil)
	trust(t, s, maker.Authority)
	addUser(t, s, "Ada", "58310274", uid(1))
	b := boardtest.NewWithTPM(t, nonceOne)
	b.Endorse(t, maker)
	r := adoptTPM(t, s, b)
	closed := func(keys *wire.EpochKeys) {
		t.Helper()
		holds(t, s, b, keys)
		for _, key := range []*wire.WrappedKey{&keys.TPM.PIN, &keys.TPM.Card} {
			if _, err := b.Unwrap(key); err == nil {
				t.Error("whoever has made the parent has the keys")
			}
		}
		liar := *b // another endorsement key, the same parent
		liar.Endorsement = nil
		liar.Endorse(t, maker)
		if _, err := liar.Activate(keys.TPM); err == nil {
			t.Error("another TPM has the keys")
		}
		other := *b // another parent, the same endorsement key
		request := *b.Request
		other.Request = &request
		other.Request.TPM = boardtest.NewWithTPM(t, nonceOne).Request.TPM
		if _, err := other.Activate(keys.TPM); err == nil {
			t.Error("the TPM has the keys for another parent")
		}
	}
	closed(&r.bundle.Keys)
	closed(r.keys())
	// No later keys are less than that, and removing the authority changes nothing.
	err := s.Update(t.Context(), func(tx *store.Tx) error { return tx.RemoveTPMAuthority(maker.Authority.Raw) })
	if err != nil {
		t.Fatal(err)
	}
	newEpoch(t, s, noon, 0)
	closed(r.keys())
	adopted := r.keys().TPM.Ref
	r.says(wire.TPMState{Ref: adopted, Nonce: nonceTwo}) // its nonce died: another first grant, by itself
	ref := r.keys().TPM.Ref
	if ref == adopted {
		t.Error("no first grant by itself")
	}
	closed(r.keys())
	r.says(wire.TPMState{Ref: ref, Budget: wire.Budget{Spent: 300, Limit: 500}})
	closed(r.keys())
	if err := renew(r, wire.TPMState{Ref: ref, Nonce: wire.TPMNonce{3}}); err != nil {
		t.Fatal(err)
	}
	if r.keys().TPM.Ref == ref {
		t.Error("no new budget")
	}
	closed(r.keys())
	check(t, s)
}

func TestASiteWithoutAuthoritiesTakesATPMAtItsWord(t *testing.T) {
	s, _ := newSite(t)
	b := boardtest.NewWithTPM(t, nonceOne)
	b.Endorse(t, boardtest.NewTPMMaker(t, "Maker", nil, nil))
	r := adoptTPM(t, s, b)
	if r.bundle.Keys.TPM.Activation != nil {
		t.Error("nobody has checked its certificate")
	}
	// Authorities that come later change nothing by themselves.
	trust(t, s, boardtest.NewTPMMaker(t, "Other", nil, nil).Authority)
	newEpoch(t, s, noon, 0)
	if r.keys().TPM.Activation != nil {
		t.Error("the reader's TPM was not certified when it was adopted")
	}
	holds(t, s, b, r.keys())
}

// certified returns a board whose certificate is this.
func certified(t *testing.T, certificate []byte) *boardtest.Board {
	t.Helper()
	b := boardtest.NewWithTPM(t, nonceOne)
	b.Request.TPM.Endorsement = certificate
	b.Ask(t, nonceOne)
	return b
}

func TestATPMThatNoAuthorityHasCertifiedIsNotAdopted(t *testing.T) {
	s, _ := newSite(t)
	maker := boardtest.NewTPMMaker(t, "Maker", nil, nil)
	expired := boardtest.NewTPMMaker(t, "Expired", nil, func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Hour) })
	trust(t, s, maker.Authority, expired.Authority)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsa3072, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	by := func(m *boardtest.TPMMaker, key any, edit func(*x509.Certificate)) []byte {
		return m.Certify(t, key, edit)
	}
	good := by(maker, &key.PublicKey, nil)
	below := boardtest.NewTPMMaker(t, "Below", maker, nil) // is not among the site's, nor in the request
	for name, certificate := range map[string][]byte{
		"none":                     nil,
		"nothing that can be read": []byte("certificate"),
		"something behind it":      append(slices.Clone(good), 0),
		"of its own":               by(boardtest.NewTPMMaker(t, "Self", nil, nil), &key.PublicKey, nil),
		"of a namesake":            by(boardtest.NewTPMMaker(t, "Maker", nil, nil), &key.PublicKey, nil),
		"of an authority below":    by(below, &key.PublicKey, nil),
		"of an expired authority":  by(expired, &key.PublicKey, nil),
		"of a TPM":                 by(boardtest.NewTPMMaker(t, "TPM", maker, func(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, 0 }), &key.PublicKey, nil),
		"expired":                  by(maker, &key.PublicKey, func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Second) }),
		"not yet valid":            by(maker, &key.PublicKey, func(c *x509.Certificate) { c.NotBefore = noon.Add(time.Hour) }),
		"an authority's":           by(maker, &key.PublicKey, func(c *x509.Certificate) { c.IsCA = true }),
		"the authority itself":     maker.Authority.Raw,
		"for signatures":           by(maker, &key.PublicKey, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature }),
		"for attestation":          by(maker, &key.PublicKey, func(c *x509.Certificate) { c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{2, 23, 133, 8, 3}} }),
		"for TLS servers": by(maker, &key.PublicKey, func(c *x509.Certificate) {
			c.UnknownExtKeyUsage, c.ExtKeyUsage = nil, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}),
		"for any use": by(maker, &key.PublicKey, func(c *x509.Certificate) {
			c.UnknownExtKeyUsage, c.ExtKeyUsage = nil, []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
		}),
		"with what we do not know": by(maker, &key.PublicKey, func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}})
		}),
		"of P-384":                     by(maker, &p384.PublicKey, nil),
		"of RSA-3072":                  by(maker, &rsa3072.PublicKey, nil),
		"with a signature that is not": func() []byte { b := slices.Clone(good); b[len(b)-1] ^= 1; return b }(),
	} {
		var refusal *Refusal
		b := certified(t, certificate)
		if _, _, err := tryAdopt(t.Context(), s, noon, "front-door", b.Signed, "", noEdit); !errors.As(err, &refusal) || !strings.Contains(err.Error(), "TPM") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := readers(t, s); err != nil || len(got) > 0 {
		t.Errorf("adopted: %v, %v", got, err)
	}
	// A board without a TPM is as it was.
	if _, _, err := tryAdopt(t.Context(), s, noon, "back-door", boardtest.New(t).Signed, "", noEdit); err != nil {
		t.Error(err)
	}
	// Those are good.
	rsa2048, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	trust(t, s, below.Authority)
	for name, certificate := range map[string][]byte{
		"of P-256":                       good,
		"of RSA-2048":                    by(maker, &rsa2048.PublicKey, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }),
		"without uses":                   by(maker, &key.PublicKey, func(c *x509.Certificate) { c.KeyUsage, c.UnknownExtKeyUsage = 0, nil }),
		"of an authority below a root's": by(below, &key.PublicKey, nil),
	} {
		b := certified(t, certificate)
		adoption, _, err := tryAdopt(t.Context(), s, noon, "front-door", b.Signed, "ssl://broker.example:8883", noEdit)
		if err != nil || adoption.Certified == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func readers(t *testing.T, s *Site) (ids []string, err error) {
	err = s.View(t.Context(), func(tx *store.Tx) error { ids, err = tx.Readers(); return err })
	return ids, err
}

func TestAFileOfAuthoritiesIsReadOrSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	root := boardtest.NewTPMMaker(t, "Root", nil, nil)
	below := boardtest.NewTPMMaker(t, "Below", root, nil)
	leaf := boardtest.NewTPMMaker(t, "Leaf", root, func(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, 0 })
	old := boardtest.NewTPMMaker(t, "Old", nil, func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Second) })
	unsigning := boardtest.NewTPMMaker(t, "Unsigning", nil, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement })
	for name, file := range map[string]struct {
		file []byte
		want int
		say  string
	}{
		"DER":                  {root.Authority.Raw, 1, ""},
		"PEM":                  {root.PEM(), 1, ""},
		"two":                  {append(root.PEM(), below.PEM()...), 2, ""},
		"text around":          {slices.Concat([]byte("the root:\n"), root.PEM(), []byte("the end\n")), 1, ""},
		"nothing":              {nil, 0, "cannot be read"},
		"text":                 {[]byte("certificate"), 0, "cannot be read"},
		"an empty block":       {[]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"), 0, "cannot be read"},
		"no whole block":       {root.PEM()[:100], 0, "no certificate"},
		"two, DER":             {append(slices.Clone(root.Authority.Raw), below.Authority.Raw...), 0, "cannot be read"},
		"a TPM's":              {leaf.PEM(), 0, "not an authority's"},
		"one that signs none":  {unsigning.PEM(), 0, "not an authority's"},
		"an expired one":       {old.PEM(), 0, "until 2026-01-01"},
		"a good and a bad one": {append(root.PEM(), leaf.PEM()...), 0, "not an authority's"},
		"a key":                {pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1}}), 0, "something else"},
	} {
		got, err := ParseTPMAuthorities(file.file, noon)
		if len(got) != file.want || (err == nil) != (file.say == "") || err != nil && !strings.Contains(err.Error(), file.say) {
			t.Errorf("%s: %d, %v", name, len(got), err)
		}
	}
}

func TestEachAuthorityIsKeptOnce(t *testing.T) {
	s, _ := newSite(t)
	first, second := boardtest.NewTPMMaker(t, "First", nil, nil).Authority, boardtest.NewTPMMaker(t, "Second", nil, nil).Authority
	trust(t, s, first, second, first)
	list := func() (names []string) {
		t.Helper()
		err := s.View(t.Context(), func(tx *store.Tx) error {
			authorities, err := TPMAuthorities(tx)
			for _, c := range authorities {
				names = append(names, AuthorityName(c))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	if got := list(); !slices.Equal(got, []string{"First", "Second"}) {
		t.Errorf("%q", got)
	}
	if err := s.Update(t.Context(), func(tx *store.Tx) error { return tx.RemoveTPMAuthority(first.Raw) }); err != nil {
		t.Fatal(err)
	}
	if got := list(); !slices.Equal(got, []string{"Second"}) {
		t.Errorf("%q", got)
	}
}
