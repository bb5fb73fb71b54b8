package handover

import (
	"bytes"
	"crypto/ed25519"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"latchkey/sync/wire"
)

// A site has a controller that takes handovers: what it signs and seals is real.
type site struct {
	t    *testing.T
	id   wire.SiteID
	name string
	key  ed25519.PrivateKey

	mu      sync.Mutex
	heard   []wire.Handover
	adopted func(request *wire.Request) []byte // the bundle; nil: it waits
}

func newSite(t *testing.T, name string) *site {
	return &site{t: t, id: wire.SiteID{name[0]}, name: name, key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{name[0]}, ed25519.SeedSize))}
}

func (s *site) controller() [32]byte { return [32]byte(s.key.Public().(ed25519.PublicKey)) }

// bundle answers a request as this reader's.
func (s *site) bundle(request *wire.Request, reader string, change ...func(*wire.Bundle)) []byte {
	s.t.Helper()
	policy := wire.DefaultPolicy(reader, "Front door")
	policy.Revision = 1
	signed, err := policy.Sign(s.id, s.key)
	if err != nil {
		s.t.Fatal(err)
	}
	m := &wire.Manifest{Site: s.id, Epoch: 5, Hash: wire.Start(5), KDF: wire.KDF{Memory: 19456, Time: 2, Threads: 4}}
	snapshot, err := wire.WriteSnapshot(m, []wire.Entry{{Tag: wire.Tag{1}, Credential: wire.Credential{ID: 1, Kind: wire.PIN, User: 1, Name: "Ada"}}}, s.key)
	if err != nil {
		s.t.Fatal(err)
	}
	b := &wire.Bundle{
		Number: 1, Site: s.id, SiteName: s.name, Reader: reader, Epoch: 5, Policy: signed, Snapshot: snapshot,
		Keys: wire.EpochKeys{Number: 1, PIN: bytes.Repeat([]byte{7}, 32), Card: bytes.Repeat([]byte{8}, 32)},
	}
	for _, c := range change {
		c(b)
	}
	sealed, err := wire.SealBundle(b, request, s.key)
	if err != nil {
		s.t.Fatal(err)
	}
	return sealed
}

// adopt has the controller answer with a bundle from now on.
func (s *site) adopt(reader string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.adopted = func(request *wire.Request) []byte { return s.bundle(request, reader) }
}

// asked returns how often the controller was.
func (s *site) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.heard)
}

func (s *site) answer(bundle []byte) []byte {
	head, err := (&wire.HandoverAnswer{Site: s.name, Controller: s.controller(), Bundle: bundle}).EncodeHead()
	if err != nil {
		s.t.Error(err)
	}
	return append(head, bundle...)
}

// ServeHTTP answers as a controller does.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.Method != http.MethodPost || r.URL.Path != wire.HandoverPath {
		s.t.Errorf("%s %s: %v", r.Method, r.URL, err)
	}
	h, err := wire.ParseHandover(body)
	if err != nil {
		s.t.Error(err)
		return
	}
	request, _, err := wire.ParseRequest(h.Request)
	if err != nil {
		s.t.Error(err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, *h)
	var bundle []byte
	if s.adopted != nil {
		bundle = s.adopted(request)
	}
	w.Write(s.answer(bundle))
}

// serve has something answer over HTTPS, with a certificate that nobody knows, and returns its
// address.
func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS13}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// told keeps what a search has told.
type told struct {
	mu  sync.Mutex
	all [][]string
}

func (t *told) tell(sites []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, slices.Clone(sites))
}
