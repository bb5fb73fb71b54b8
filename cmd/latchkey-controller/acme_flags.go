package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// acmeDir is the directory in a site's directory with the account at the public authority, the
// certificate, and the keys of both. Like the other certificate of the console it belongs to this
// machine: the database and backups hold none of it. So each controller of a site has a name of
// its own.
const acmeDir = "acme"

// acmeFlags are the flags of serve about a certificate that a public authority issues by
// ACME (RFC 8555).
type acmeFlags struct {
	name, directory, email string
	http                   string // address for HTTP-01; "off": only TLS-ALPN-01 is answered
	agreed                 bool
}

func (f *acmeFlags) add(c *invocation) {
	c.StringVar(&f.name, "acme", "", "the public `name` of the console, like doors.example.com, for which a public authority is asked for a certificate. It has to reach the console at port 443 of that name, or --acme-http at port 80")
	c.StringVar(&f.directory, "acme-directory", autocert.DefaultACMEDirectory, "the `URL` of that authority's ACME directory; Let's Encrypt unless given")
	c.StringVar(&f.email, "acme-email", "", "the `address` at which it tells of problems")
	c.StringVar(&f.http, "acme-http", "off", "the `address` at which to answer it by HTTP, like :80; off: only the console answers it, at port 443")
	c.BoolVar(&f.agreed, "acme-agree-tos", false, "agree to its terms of service; Let's Encrypt has them at letsencrypt.org/repository")
}

// check is for invocation.check.
func (f *acmeFlags) check(c *invocation, page *consoleFlags) error {
	origin, err := desk.ConsoleOrigin(f.name)
	switch {
	case f.name == "" && (f.email != "" || f.agreed || f.http != "off" || f.directory != autocert.DefaultACMEDirectory):
		return c.wrongUse("--acme-directory, --acme-email, --acme-http and --acme-agree-tos belong to --acme NAME")
	case f.name == "":
		return nil
	case err != nil || origin != "https://"+f.name || !strings.Contains(f.name, ".") || strings.Contains(f.name, ":"):
		return c.wrongUse("--acme: write the console's public name in lower case, like doors.example.com")
	case page.certificate != "":
		return c.wrongUse("--acme gets a certificate, and --console-cert gives one: choose one of them")
	case page.listen == "off":
		return c.wrongUse("--acme is for the console, and there is none with --console off")
	case !f.agreed:
		return c.wrongUse("the authority issues certificates only to who agrees to its terms: read them, and add --acme-agree-tos")
	}
	if u, err := url.Parse(f.directory); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return c.wrongUse("--acme-directory: write the whole URL, like " + autocert.DefaultACMEDirectory)
	}
	return nil
}

// certificate returns the public authority's certificate. It is asked for by run.
func (f *acmeFlags) certificate(dir string, log *slog.Logger) *publicCertificate {
	answers := newAuthorityAnswers()
	return &publicCertificate{
		name: f.name, http: f.http, log: log, answers: answers,
		manager: &autocert.Manager{
			Prompt: func(string) bool { return f.agreed },
			Cache:  autocert.DirCache(filepath.Join(dir, acmeDir)), // which it makes, 0700
			HostPolicy: func(_ context.Context, host string) error {
				if host, _, _ = strings.Cut(host, ":"); host != f.name {
					return fmt.Errorf("%.100q is not the console's name", host)
				}
				return nil
			},
			Email:  f.email,
			Client: &acme.Client{DirectoryURL: f.directory, HTTPClient: answers.client(), UserAgent: "latchkey-controller"},
		},
	}
}
