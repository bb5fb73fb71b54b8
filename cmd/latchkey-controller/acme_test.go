package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"latchkey/cmd/internal/freeport"
	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/site"
)

const publicHost = "doors.example.com"

// A pebble is Let's Encrypt's ACME server for tests, which finds every name at 127.0.0.1.
type pebble struct {
	t         *testing.T
	directory string // URL
	trust     string // file with the authority of its own HTTPS
	roots     string // URL
	tls, http string // ports at which it checks names
	stop      func()
}

// free returns a port of loopback that nobody uses.
func free(t *testing.T) string {
	t.Helper()
	address, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(address)
	return port
}

func newPebble(t *testing.T) *pebble {
	t.Helper()
	dir := t.TempDir()
	s, err := site.Create(t.Context(), filepath.Join(dir, "site"), "", "pebble", "UTC", clock.Read())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := ownCertificate(dir, s, []string{"127.0.0.1"}); err != nil {
		t.Fatal(err)
	}
	p := &pebble{t: t, tls: free(t), http: free(t), trust: filepath.Join(dir, "trust.pem")}
	listen, manage, names := free(t), free(t), free(t)
	p.directory, p.roots = "https://127.0.0.1:"+listen+"/dir", "https://127.0.0.1:"+manage+"/roots/0"
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": "127.0.0.1:" + listen, "managementListenAddress": "127.0.0.1:" + manage,
		"certificate": filepath.Join(dir, consoleCertificate), "privateKey": filepath.Join(dir, consoleCertificate),
		"httpPort": json.Number(p.http), "tlsPort": json.Number(p.tls),
	}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{p.trust: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Authority().Raw}), filepath.Join(dir, "pebble.json"): config} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running []*exec.Cmd
	p.stop = func() {
		cancel()
		for _, cmd := range running {
			cmd.Wait()
		}
		running = nil
	}
	t.Cleanup(p.stop)
	for _, args := range [][]string{
		{"pebble-challtestsrv", "-dns01", "127.0.0.1:" + names, "-http01", "", "-https01", "", "-tlsalpn01", "", "-management", "127.0.0.1:" + free(t), "-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""},
		{"pebble", "-config", filepath.Join(dir, "pebble.json"), "-dnsserver", "127.0.0.1:" + names},
	} {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0")
		if err := cmd.Start(); err != nil {
			t.Fatalf("%v: run make setup", err)
		}
		running = append(running, cmd)
	}
	return p
}

// root returns the pool of the authority that pebble certifies with, once it runs.
func (p *pebble) root() *x509.CertPool {
	p.t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	pool := x509.NewCertPool()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if response, err := client.Get(p.roots); err == nil {
			text, err := io.ReadAll(response.Body)
			response.Body.Close()
			if err == nil && pool.AppendCertsFromPEM(text) {
				return pool
			}
		}
	}
	p.t.Fatal("pebble does not start")
	return nil
}

// An acmeSite is a site whose console has asked for a certificate.
type acmeSite struct {
	t       *testing.T
	dir     string
	own     *x509.CertPool // of the site's own authority
	address string         // of the console
	link    string
	log     *bytes.Buffer
	stop    func()
}

// serve starts the controller, with its console at a port.
func (s *acmeSite) serve(p *pebble, port string, args ...string) {
	s.t.Helper()
	s.address, s.log = "127.0.0.1:"+port, &bytes.Buffer{}
	cmd := exec.Command(os.Args[0], append([]string{"serve", "--dir", s.dir, "--listen", "127.0.0.1:0", "--console", s.address,
		"--acme", publicHost, "--acme-agree-tos", "--acme-directory", p.directory}, args...)...)
	cmd.Env = append(os.Environ(), runAsProgram+"=1", "SSL_CERT_FILE="+p.trust)
	cmd.Stderr = s.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	stopped := false
	s.stop = func() {
		if !stopped {
			stopped = true
			cmd.Process.Signal(os.Interrupt)
			cmd.Wait()
		}
	}
	s.t.Cleanup(s.stop)
	lines := bufio.NewScanner(out)
	for up := false; !up; {
		if !lines.Scan() {
			cmd.Wait()
			s.t.Fatalf("the controller does not start: %s", s.log)
		}
		text := lines.Text()
		if link, is := strings.CutPrefix(text, "first sign-in https://"); is {
			_, s.link, _ = strings.Cut(link, "/")
			up = true
		}
		up = up || strings.HasPrefix(text, "console ") && s.link != ""
	}
	go io.Copy(io.Discard, out)
}

func newACMESite(t *testing.T) *acmeSite {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "site")
	s, err := site.Create(t.Context(), dir, "", "home", "UTC", clock.Read())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return &acmeSite{t: t, dir: dir, own: roots(s)}
}

// trusts says whether who trusts a pool trusts the console at a name.
func (s *acmeSite) trusts(pool *x509.CertPool, name string) bool {
	connection, err := tls.Dial("tcp", s.address, &tls.Config{RootCAs: pool, ServerName: name})
	if err != nil {
		return false
	}
	connection.Close()
	return true
}

// until waits until who trusts a pool trusts the console at its public name.
func (s *acmeSite) until(pool *x509.CertPool) {
	s.t.Helper()
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if s.trusts(pool, publicHost) {
			return
		}
	}
	s.stop()
	s.t.Fatalf("there is no public certificate: %s", s.log)
}

// settings signs in the first Owner by the link, and returns a client that shows Settings.
func (s *acmeSite) settings() func() string {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.address)
	}}
	s.t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Jar: jar, Transport: transport}
	const password = "a long way to the door"
	response, err := client.PostForm("https://"+publicHost+"/"+s.link, url.Values{"name": {"Grace Hopper"}, "password": {password}, "again": {password}})
	if err != nil {
		s.t.Fatal(err)
	}
	response.Body.Close()
	return func() string {
		s.t.Helper()
		response, err := client.Get("https://" + publicHost + "/settings")
		if err != nil {
			s.t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			s.t.Fatal(err)
		}
		return string(body)
	}
}

// trustSection returns what Settings says of certificates.
func trustSection(page string) string {
	_, page, _ = strings.Cut(page, `id="trust"`)
	section, _, _ := strings.Cut(page, "</section>")
	return section
}

func TestTheConsoleHasAPublicCertificateOfAnACMEAuthorityAtItsNameOnly(t *testing.T) {
	t.Parallel()
	p := newPebble(t)
	s := newACMESite(t)
	public := p.root()
	s.serve(p, p.tls)
	s.until(public)
	if s.trusts(s.own, publicHost) || s.trusts(public, "localhost") || !s.trusts(s.own, "localhost") {
		t.Error("a name has the certificate of the other authority")
	}
	if page := s.settings()(); !strings.Contains(page, "the console has a public certificate") {
		t.Errorf("Settings does not say so: %s", trustSection(page))
	}
	files, err := os.ReadDir(filepath.Join(s.dir, acmeDir))
	if info, wrong := os.Stat(filepath.Join(s.dir, acmeDir)); err != nil || wrong != nil || info.Mode().Perm() != 0o700 || len(files) < 2 {
		t.Errorf("%v, %v, %v", info, files, err)
	}
	for _, file := range files {
		if info, err := file.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file.Name(), info.Mode(), err)
		}
	}
	s.stop()
	p.stop()
	s.link = "kept"
	s.serve(p, p.tls) // while the authority is away
	s.until(public)
}

func TestTheConsoleIsServedAndSaysWhyWhileThereIsNoPublicCertificate(t *testing.T) {
	t.Parallel()
	p := newPebble(t)
	s := newACMESite(t)
	p.root()
	s.serve(p, free(t)) // where the authority does not look for it
	if !s.trusts(s.own, publicHost) {
		t.Error("the site's own authority does not stand in")
	}
	settings := s.settings()
	var page string
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end) && !strings.Contains(page, "tls-alpn-01: "); time.Sleep(100 * time.Millisecond) {
		page = settings()
	}
	for _, want := range []string{"There is no public certificate for " + publicHost, "tls-alpn-01: ", "Failed to connect", "The next try is at", `href="/trust"`} {
		if !strings.Contains(page, want) {
			t.Errorf("Settings does not show %q: %s", want, trustSection(page))
		}
	}
}

func TestAnACMEAuthorityMayCheckTheNameByHTTP(t *testing.T) {
	t.Parallel()
	p := newPebble(t)
	s := newACMESite(t)
	public := p.root()
	s.serve(p, free(t), "--acme-http", "127.0.0.1:"+p.http)
	s.until(public)
	response, err := http.Get("http://127.0.0.1:" + p.http + "/settings")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusNotFound {
		t.Errorf("by HTTP there is more: %s", response.Status)
	}
}

func TestATakenAddressOfHTTPStopsNothingAndIsTriedAgain(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s := newACMESite(t)
	s.serve(&pebble{directory: "https://127.0.0.1:1/dir"}, free(t), "--acme-http", taken.Addr().String())
	settings := s.settings()
	var page string
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end) && !strings.Contains(page, "--acme-http"); time.Sleep(100 * time.Millisecond) {
		page = settings()
	}
	for _, want := range []string{"There is no public certificate for " + publicHost, "--acme-http", "address already in use"} {
		if !strings.Contains(page, want) {
			t.Errorf("Settings does not show %q: %s", want, trustSection(page))
		}
	}
	f := acmeFlags{name: publicHost, http: taken.Addr().String()}
	p := f.certificate(t.TempDir(), slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	group := new(errgroup.Group)
	p.answerByHTTP(ctx, group)
	taken.Close()
	for range 2 { // the second time has nothing to do
		p.answerByHTTP(ctx, group)
		response, err := http.Get("http://" + f.http + "/settings")
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if wrong := p.state().Wrong; response.StatusCode != http.StatusNotFound || strings.Contains(wrong, "--acme-http") {
			t.Errorf("once it is free: %s, %q", response.Status, wrong)
		}
	}
	cancel()
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

func TestOnlyAFewTimesAnHourIsAnAuthorityAsked(t *testing.T) {
	const refusals = 5 // an hour, of Let's Encrypt; a try may be refused by TLS and by HTTP
	if tries := 1 + int(time.Hour/acmeRefused); 2*tries > refusals {
		t.Errorf("%d tries an hour", tries)
	}
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	end := begin.AddDate(0, 0, 90)
	for at, want := range map[time.Duration]bool{0: false, 61 * 24 * time.Hour: false, 69 * 24 * time.Hour: false, 71 * 24 * time.Hour: true} {
		if overdue(begin, end, begin.Add(at)) != want {
			t.Errorf("after %v: %t", at, !want)
		}
	}
}

func TestWhatAnAuthorityAnswersIsBounded(t *testing.T) {
	a := newAuthorityAnswers()
	long := fmt.Sprintf(`{"status":"invalid","challenges":[{"type":"http-01","error":{"detail":"%s"}}]}`, strings.Repeat("no\\n", 5000))
	for range 9 {
		a.note([]byte(long))
	}
	a.note([]byte(`{"status":"valid","challenges":[{"type":"x","error":{"detail":"y"}}]}`))
	if heard, why := a.said(); !heard || len(why) > 400 || strings.ContainsAny(why, "\n") || !strings.HasPrefix(why, "http-01: no no") {
		t.Errorf("%t, %q", heard, why)
	}
	a.transport = roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(strings.Repeat(" ", maxAuthorityAnswer+1)))}, nil
	})
	if _, err := a.client().Get("https://authority.example/"); err == nil || !strings.Contains(err.Error(), "longer than 256 KiB") {
		t.Errorf("%v", err)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
