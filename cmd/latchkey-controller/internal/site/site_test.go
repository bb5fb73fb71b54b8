package site

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site/sitetest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/cmd/latchkey-controller/internal/vault"
	"latchkey/sync/wire"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// at is a machine's clocks at a time: it started at noon.
func at(t time.Time) clock.Reading { return clock.Reading{Wall: t, Boot: "test", Since: t.Sub(noon)} }

// writeSite writes the files of a new site, which is the same for all tests.
var writeSite = sitetest.Once(func(dir, database string) error {
	s, err := Create(context.Background(), dir, database, "home", "Europe/Zurich", at(noon))
	if err != nil {
		return err
	}
	return s.Close()
})

// newSite makes a site in a directory of its own.
func newSite(t *testing.T) (*Site, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "site")
	writeSite(t, dir)
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, dir
}

// tryUser adds a user with a PIN, unless it is "", and cards.
func tryUser(ctx context.Context, s *Site, u *store.User, digits string, cards ...[]byte) error {
	var p *NewPIN
	if digits != "" {
		var err error
		if p, err = s.ChosenPIN(ctx, []byte(digits)); err != nil {
			return err
		}
	}
	return s.Update(ctx, func(tx *store.Tx) error { return s.AddUser(tx, noon, "somebody", u, p, cards) })
}

// addUser adds a user with a PIN, unless it is "", and cards.
func addUser(t *testing.T, s *Site, name, digits string, cards ...[]byte) *store.User {
	t.Helper()
	u := &store.User{Name: name}
	if err := tryUser(t.Context(), s, u, digits, cards...); err != nil {
		t.Fatal(err)
	}
	return u
}

// setPIN gives a user a PIN.
func setPIN(t *testing.T, s *Site, id uint64, digits string) error {
	t.Helper()
	p, err := s.ChosenPIN(t.Context(), []byte(digits))
	if err != nil {
		t.Fatal(err)
	}
	return s.Update(t.Context(), func(tx *store.Tx) error { return s.SetPIN(tx, noon, "somebody", id, p) })
}

// newEpoch begins an epoch above a number.
func newEpoch(t *testing.T, s *Site, now time.Time, above uint64) (number uint64) {
	t.Helper()
	err := s.Update(t.Context(), func(tx *store.Tx) (err error) { number, err = s.NewEpoch(tx, now, above); return err })
	if err != nil {
		t.Fatal(err)
	}
	return number
}

// policyOf returns a reader's policy.
func policyOf(t *testing.T, s *Site, reader string) (p *wire.Policy) {
	t.Helper()
	if err := s.View(t.Context(), func(tx *store.Tx) (err error) { p, err = Policy(tx, reader); return err }); err != nil {
		t.Fatal(err)
	}
	return p
}

// tryAdopt makes a board a reader.
func tryAdopt(ctx context.Context, s *Site, now time.Time, id string, request []byte, broker string, edit func(*wire.Policy)) (adoption *Adoption, sealed []byte, err error) {
	err = s.Update(ctx, func(tx *store.Tx) error {
		p, _, err := PolicyOrNew(tx, id)
		if err != nil {
			return err
		}
		edit(p)
		p.Reader = id
		adoption, sealed, err = s.Adopt(tx, now, request, strings.Fields(broker), p)
		return err
	})
	return adoption, sealed, err
}

func check(t *testing.T, s *Site) Report {
	t.Helper()
	report, err := s.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// A board is a reader that asks for adoption.
type board struct {
	signing ed25519.PrivateKey
	sealing *ecdh.PrivateKey
	request *wire.Request
	signed  []byte
}

func newBoard(t *testing.T) *board {
	t.Helper()
	b := new(board)
	var err error
	if _, b.signing, err = ed25519.GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	if b.sealing, err = ecdh.X25519().GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// It asks for more than it is to get.
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "controller"}, DNSNames: []string{"broker.example"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	b.request = &wire.Request{Signing: [32]byte(b.signing.Public().(ed25519.PublicKey)), Sealing: [32]byte(b.sealing.PublicKey().Bytes()), CSR: csr}
	if b.signed, err = b.request.Sign(b.signing); err != nil {
		t.Fatal(err)
	}
	return b
}

func noEdit(*wire.Policy) {}

// adopt makes a board a reader and opens the bundle there.
func adopt(t *testing.T, s *Site, now time.Time, id string, b *board, edit func(*wire.Policy)) (*Adoption, *wire.Bundle) {
	t.Helper()
	adoption, sealed, err := tryAdopt(t.Context(), s, now, id, b.signed, "ssl://broker.example:8883", edit)
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := wire.OpenBundle(sealed, b.request, b.sealing)
	if err != nil {
		t.Fatal(err)
	}
	if adoption.Bundle != wire.Fingerprint(sealed) || adoption.Board != wire.Fingerprint(b.request.Lasting()) {
		t.Error("the fingerprints are of something else")
	}
	return adoption, bundle
}

func TestASiteOpensAsItWasMade(t *testing.T) {
	s, dir := newSite(t)
	again, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if in, err := again.Zone(t.Context()); err != nil || in.String() != "Europe/Zurich" {
		t.Errorf("in %v, %v", in, err)
	}
	if again.ID != s.ID || again.ID == (wire.SiteID{}) || again.Name != "home" || !again.signing.Equal(s.signing) || !again.authority.key.Equal(s.authority.key) {
		t.Error("it is another one")
	}
	report := check(t, again)
	if report.Epoch != uint64(noon.Unix()) || report.Revision != 0 {
		t.Errorf("%+v", report)
	}
}

func TestASiteIsMadeOnce(t *testing.T) {
	s, dir := newSite(t)
	address, err := store.Address(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Create(t.Context(), dir, address, "other", "UTC", at(noon)); err == nil || !strings.Contains(err.Error(), "home") {
		t.Error(err)
	}
	again, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if again.Name != "home" || again.ID != s.ID {
		t.Error("the site was replaced")
	}
}

func TestACreationThatWasCutShortIsDoneAnew(t *testing.T) {
	for name, begin := range map[string]func(dir string) error{
		"an empty directory": func(string) error { return nil },
		"an empty database": func(dir string) error {
			if _, err := vault.Create(dir); err != nil {
				return err
			}
			db, err := store.Create(t.Context(), dir, "")
			if err != nil {
				return err
			}
			return db.Close()
		},
	} {
		dir := filepath.Join(t.TempDir(), "site")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := begin(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "latchkey-controller init") {
			t.Errorf("%s: %v", name, err)
		}
		s, err := Create(t.Context(), dir, "", "home", "UTC", at(noon))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		check(t, s)
		s.Close()
	}
}

func TestADirectoryThatOthersCanReadIsRefused(t *testing.T) {
	_, dir := newSite(t)
	file := store.File
	if postgrestest.On() {
		file = store.AddressFile
	}
	for _, name := range []string{".", file, vault.KeyFile} {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s was made with mode %o", name, info.Mode().Perm())
		}
		if err := os.Chmod(path, info.Mode().Perm()|0o040); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "run: chmod") {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.Chmod(path, info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNeitherPINNorUIDNorKeyLiesInAnyFile(t *testing.T) {
	postgrestest.SQLiteOnly(t)
	s, dir := newSite(t)
	digits, uid := "58310274", []byte{0x04, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0x80}
	u := addUser(t, s, "Ada", digits, uid)
	addUser(t, s, "Bob", "90715326")
	if err := setPIN(t, s, u.ID, "61937254"); err != nil {
		t.Fatal(err)
	}
	adopt(t, s, noon, "front-door", newBoard(t), noEdit)

	secrets := map[string][]byte{
		"PIN": []byte(digits), "PIN of Bob": []byte("90715326"), "new PIN": []byte("61937254"),
		"UID": uid, "UID in hexadecimal": []byte(hex.EncodeToString(uid)), "signing key": s.signing.Seed(),
	}
	var err error
	if secrets["authority's key"], err = s.authority.key.Bytes(); err != nil {
		t.Fatal(err)
	}
	err = s.store.View(t.Context(), func(tx *store.Tx) error {
		epoch, err := tx.Epoch()
		if err != nil {
			return err
		}
		if secrets["site key"], err = s.vault.Unseal(sealedSiteKey, epoch.Number, epoch.Key); err != nil {
			return err
		}
		keys, _, err := s.siteKeys(tx)
		if err != nil {
			return err
		}
		secrets["PIN key"], secrets["card key"] = keys.PIN, keys.Card
		grantKey, err := s.grantKey(tx)
		if err != nil {
			return err
		}
		secrets["grant key"], err = grantKey.Bytes()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.ChosenPIN(t.Context(), []byte(digits))
	if err != nil {
		t.Fatal(err)
	}
	secrets["material"] = p.material
	if secrets["storage key"], err = os.ReadFile(filepath.Join(dir, vault.KeyFile)); err != nil {
		t.Fatal(err)
	}
	search := func(when string, want ...string) {
		var names []string
		err := fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			names = append(names, path)
			content, err := os.ReadFile(filepath.Join(dir, path))
			for what, secret := range secrets {
				if path != vault.KeyFile && (bytes.Contains(content, secret) || bytes.Contains(bytes.ToLower(content), secret)) {
					t.Errorf("%s: %s shows the %s", when, path, what)
				}
			}
			if path == store.File && when == "closed" && !bytes.Contains(content, []byte("Ada")) {
				t.Error("the search does not find what is there")
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s: the files are %v", when, names)
		}
	}
	search("open", store.ReserveFile, store.File, store.File+"-shm", store.File+"-wal", vault.KeyFile)
	s.Close()
	search("closed", store.ReserveFile, store.File, vault.KeyFile)
}
