package console

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func TestABrowserThatNobodyIsSignedInAtGetsTheAuthoritysCertificate(t *testing.T) {
	w := small(t)
	b := w.visitor("")
	der := b.get("/trust/authority.crt")
	if kind := der.header.Get("Content-Type"); der.status != http.StatusOK || kind != "application/x-x509-ca-cert" || der.header.Get("Content-Disposition") != "" {
		t.Errorf("%d, %s, %q", der.status, kind, der.header.Get("Content-Disposition"))
	}
	root, err := x509.ParseCertificate([]byte(der.body))
	w.must(err)
	block, rest := pem.Decode([]byte(b.get("/trust/authority.pem").body))
	if block == nil || len(rest) > 0 || !bytes.Equal(block.Bytes, root.Raw) {
		t.Errorf("the PEM file has another certificate: %v, %q", block, rest)
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	own, err := w.site.ConsoleCertificate([]string{"doors.example.com", "192.0.2.7"})
	w.must(err)
	leaf, err := x509.ParseCertificate(own.Certificate[0])
	w.must(err)
	for _, host := range []string{"doors.example.com", "192.0.2.7"} {
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: host}); err != nil {
			t.Errorf("who trusts it does not trust the console at %s: %v", host, err)
		}
	}
	sum := strings.ToUpper(fmt.Sprintf("%x", sha256.Sum256(root.Raw)))
	page := b.get("/trust")
	page.body = strings.ReplaceAll(page.body, "<wbr>", "")
	page.shows(t, http.StatusOK, sum[:2]+":"+sum[2:4]+":"+sum[4:6], ":"+sum[62:], root.Subject.CommonName, "not limited to some names")
	b.get("/sign-in").shows(t, http.StatusOK, "Trust this console")
}

func TestABrowserWithTheSitesCertificateInTheBrowserDoesNotWarn(t *testing.T) {
	w := small(t)
	own, err := w.site.ConsoleCertificate([]string{"127.0.0.1"})
	w.must(err)
	server := httptest.NewUnstartedServer(w.console)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{*own}}
	server.StartTLS()
	defer server.Close()
	home := t.TempDir()
	store, file := filepath.Join(home, ".pki", "nssdb"), filepath.Join(home, "latchkey.crt")
	w.must(os.MkdirAll(store, 0o700))
	w.must(os.WriteFile(file, []byte(w.visitor("").get("/trust/authority.crt").body), 0o600))
	w.must(os.WriteFile(filepath.Join(home, "password"), []byte("\n"), 0o600))
	run := func(name string, args ...string) (string, error) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Env = append(os.Environ(), "HOME="+home)
		out, err := cmd.Output()
		if errors.Is(err, exec.ErrNotFound) {
			t.Fatalf("%s is not installed: run make setup", name)
		}
		return string(out), err
	}
	browse := func() string {
		t.Helper()
		page, _ := run("chromium-headless-shell", "--no-sandbox", "--user-data-dir="+t.TempDir(), "--dump-dom", server.URL+"/sign-in") // an error if it does not trust the server
		return page
	}
	const shown = "Trust this console"
	if strings.Contains(browse(), shown) {
		t.Fatal("the browser trusts the console before it has the certificate")
	}
	_, err = run("certutil", "-d", "sql:"+store, "-N", "-f", filepath.Join(home, "password"))
	w.must(err)
	_, err = run("certutil", "-d", "sql:"+store, "-A", "-t", "C,,", "-n", "latchkey-home", "-i", file) // as the page says
	w.must(err)
	if page := browse(); !strings.Contains(page, shown) {
		t.Errorf("the browser does not show the console: %.500q", page)
	}
}

// Apple's systems refuse certificates of servers that are good for more than 825 days, unless they
// begin before July 2019 (support.apple.com/103769).
func TestTheConsolesOwnCertificateIsOneThatSystemsTake(t *testing.T) {
	w := small(t)
	own, err := w.site.ConsoleCertificate([]string{"localhost"})
	w.must(err)
	leaf, err := x509.ParseCertificate(own.Certificate[0])
	w.must(err)
	if from := time.Date(2019, 7, 1, 0, 0, 0, 0, time.UTC); !leaf.NotBefore.Before(from) && leaf.NotAfter.Sub(leaf.NotBefore) > 825*24*time.Hour {
		t.Errorf("it is good from %v until %v", leaf.NotBefore, leaf.NotAfter)
	}
	if len(leaf.DNSNames) == 0 || len(leaf.ExtKeyUsage) != 1 || leaf.ExtKeyUsage[0] != x509.ExtKeyUsageServerAuth {
		t.Errorf("names %v, usage %v", leaf.DNSNames, leaf.ExtKeyUsage)
	}
}

func TestSettingsSaysWhichCertificateBrowsersGetAndWhatIsWrong(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	const host = "doors.example.com"
	end := time.Date(2027, 2, 3, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		host  string
		is    Certificate
		says  string
		trust string // what the page of the certificate says of a public one
		warns bool
	}{
		{"192.0.2.7", Certificate{}, "own authority. Browsers warn of it", "A public certificate needs none of this: the console needs a public name for it, like doors.example.com.", true},
		{host, Certificate{}, "--acme doors.example.com --acme-agree-tos", "A public certificate needs none of this: doors.example.com is a name that can have one. Settings says how.", true},
		{"Doors.Example.com.", Certificate{}, "--acme doors.example.com --acme-agree-tos", "A public certificate needs none of this: doors.example.com is a name that can have one. Settings says how.", true},
		{host, Certificate{Given: true}, "--console-cert", "A public certificate needs none of this.", false},
		{host, Certificate{Name: host, Until: end}, "It is good until 3 Feb 2027", "A public certificate needs none of this.", false},
		{"192.0.2.7", Certificate{Name: host, Until: end}, "It is good until 3 Feb 2027", "A public certificate needs none of this: the console has one at doors.example.com.", true},
		{host, Certificate{Name: host, Wrong: "Nobody answers at port 80."}, "There is no public certificate for doors.example.com yet. Nobody answers at port 80.", "A public certificate needs none of this: the console has asked for one at doors.example.com.", true},
		{host, Certificate{Name: host, Until: end, Wrong: "Nobody answers at port 80.", Next: end}, "is not renewed. Nobody answers at port 80. The next try is at 3 Feb 2027", "A public certificate needs none of this.", false},
	} {
		w.console.certificate = func() Certificate { return test.is }
		page := b.at(test.host).get("/settings")
		page.shows(t, http.StatusOK, test.says)
		if got := strings.Contains(page.body, "free of charge"); got != (publicName(test.host) && test.is == Certificate{}) {
			t.Errorf("%s, %+v: a public certificate is proposed: %t", test.host, test.is, got)
		}
		trust := text(b.at(test.host).get("/trust").body)
		if got := strings.Contains(trust, "Settings says how"); got != (publicName(test.host) && test.is == Certificate{}) {
			t.Errorf("%s, %+v: the certificate's page leads to Settings: %t", test.host, test.is, got)
		}
		if !strings.Contains(trust, test.trust) {
			t.Errorf("%s, %+v: the certificate's page does not say %q", test.host, test.is, test.trust)
		}
		if got := strings.Contains(w.visitor("").at(test.host).get("/sign-in").body, `href="/trust"`); got != test.warns {
			t.Errorf("%s, %+v: the sign-in page offers the site's certificate: %t", test.host, test.is, got)
		}
	}
}

func TestAPublicAuthorityCertifiesNoAddressAndNoNameOfAnInsideNetwork(t *testing.T) {
	for host, public := range map[string]bool{
		"doors.example.com": true, "DOORS.example.co.uk": true, "doors.example.com.": true, "me.duckdns.org": true, "türen.example.de": true,
		"com": false, ".com": false, "localhost": false, "": false, "doors": false, "doors.local": false, "doors.lan": false,
		"doors.internal": false, "doors.home.arpa": false, "192.0.2.7": false, "2001:db8::7": false, "fe80::1%eth0": false,
	} {
		if publicName(host) != public {
			t.Errorf("%q", host)
		}
	}
}

func TestTheStepsOfTheBrowsersSystemAreOpen(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/148.0.0.0 Safari/537.36":                  "windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/19.0 Safari/605.1.15":            "macos",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Mobile Safari/604.1": "ios",
		"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/148.0.0.0 Mobile Safari/537.36":                  "android",
		"Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0":                                       "linux",
		"curl/8.14.1": "",
	} {
		if got := systemOf(agent); got != want {
			t.Errorf("%s: %q", agent, got)
		}
	}
}

// trustTour looks at what is said of the console's certificate.
func trustTour(t *testing.T, beside context.Context) {
	w := newWorld(t)
	ctx, complaints := chromium(t, beside, w, desk.Owner)
	tour(t, ctx, w, []stop{{"trust", "/trust", `for (const d of document.querySelectorAll("details")) d.open = true; window.settled = true`}})
	for name, is := range map[string]Certificate{
		"settings-public":       {Name: "127.0.0.1", Until: time.Date(2027, 2, 3, 0, 0, 0, 0, time.UTC)},
		"settings-public-wrong": {Name: "doors.example.com", Wrong: "Let’s Encrypt could not reach doors.example.com: connection refused."},
	} {
		w.console.certificate = func() Certificate { return is }
		tour(t, ctx, w, []stop{{name, "/settings", ""}})
	}
	contented(t, complaints)
}
