package console

import (
	"encoding/pem"
	"net/http"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// A Certificate says which certificate of the console browsers get.
type Certificate struct {
	// Given says that it is in files that the administrator of the machine has named. All
	// else is then zero.
	Given bool
	// Name is the name for which a public authority is asked; "": none is, and browsers get
	// the certificate of the site's own authority.
	Name string
	// Until is the end of the public authority's certificate; zero: there is none, and
	// browsers get that of the site's own authority at this name, too.
	Until time.Time
	// Wrong says why there is no public certificate, or no new one; "": nothing is wrong.
	Wrong string
	// Next is when it is asked again after something was wrong.
	Next time.Time
}

// public says whether browsers that come to a host get a certificate that is not of the
// site's own authority.
func (c Certificate) public(host string) bool {
	return c.Given || c.Name != "" && strings.EqualFold(c.Name, host) && !c.Until.IsZero()
}

// A trust says which certificate the browser has got, and what a better one takes.
type trust struct {
	Certificate
	Host    string // at which the browser is, in lower case
	Public  bool   // it has got a certificate that is not of the site's own authority
	Proxied bool   // or that of a proxy before the console
	Can     bool   // a public authority can certify the host
}

func (c *Console) trustOf(r *http.Request) trust {
	t := trust{Host: strings.ToLower(strings.TrimSuffix(bareHost(r.Host), ".")), Proxied: r.Context().Value(proxied{}) != nil}
	if c.certificate != nil {
		t.Certificate = c.certificate()
	}
	t.Public, t.Can = t.public(t.Host), publicName(t.Host)
	return t
}

// Warns says that browsers warn of the console unless they trust the site's authority.
func (t trust) Warns() bool { return !t.Public && !t.Proxied }

// Proposes says that Settings says how to get a public certificate for the host.
func (t trust) Proposes() bool { return t.Warns() && t.Can && t.Name == "" }

// trustPage offers the certificate of the site's authority.
type trustPage struct {
	trust
	Authority string   // its name
	SHA256    []string // of the certificate, its bytes as browsers show them: "AB", "CD", …
	Yours     string   // the system that the browser says it runs on; "": it says none of these
}

// trustPage needs no session: the browser that is to trust the console has none yet, and the
// certificate is no secret.
func (c *Console) trustPage(w http.ResponseWriter, r *http.Request) error {
	authority := c.desk.Authority()
	p := trustPage{trust: c.trustOf(r), Authority: authority.Subject.CommonName, SHA256: strings.Split(desk.CertificateFingerprint(authority), ":"), Yours: systemOf(r.UserAgent())}
	c.show(w, r, http.StatusOK, "trust", &view{visit: c.newVisit(r), Title: language.Say("Trust this console"), Page: p})
	return nil
}

// authorityCertificate sends the certificate, DER. It is no attachment: Safari on an iPhone
// and Firefox then ask at once what to do with it.
func (c *Console) authorityCertificate(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/x-x509-ca-cert")
	_, err := w.Write(c.desk.Authority().Raw)
	return err
}

// authorityPEM sends the certificate as programs take it.
func (c *Console) authorityPEM(w http.ResponseWriter, r *http.Request) error {
	return c.download(w, r, "application/x-pem-file", "latchkey-"+c.site+".pem", func(to http.ResponseWriter) error {
		return pem.Encode(to, &pem.Block{Type: "CERTIFICATE", Bytes: c.desk.Authority().Raw})
	})
}

// systemOf returns the system in a browser's User-Agent, as in the page's steps. An iPad says
// that it is a Mac.
func systemOf(agent string) string {
	for _, system := range []struct{ mark, name string }{
		{"Windows", "windows"}, {"iPhone", "ios"}, {"iPad", "ios"}, {"Android", "android"}, {"Macintosh", "macos"}, {"Linux", "linux"}, {"X11", "linux"},
	} {
		if strings.Contains(agent, system.mark) {
			return system.name
		}
	}
	return ""
}
