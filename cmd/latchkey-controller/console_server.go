package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"latchkey/cmd/latchkey-controller/internal/console"
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site"
)

// defaultConsole is the console's address unless another one is given: on this
// machine only.
const defaultConsole = "127.0.0.1:8443"

// consoleAddress is the file in a site's directory that holds the console's URL
// while the console runs.
const consoleAddress = "console.address"

// Limits of the servers of console and API. A download and the stream of events extend their
// own deadlines while they are read.
const (
	webHeaders   = 10 * time.Second
	webRead      = 60 * time.Second
	webIdle      = 2 * time.Minute
	consoleWrite = 3 * time.Minute // writing keys to a card takes up to 170 s
)

// consoleFlags are the flags of serve that are about the console.
type consoleFlags struct {
	listen, certificate, key string
	name                     string // of the console, perhaps with a port; "": none
	proxies                  []netip.Prefix
	acme                     acmeFlags
	public                   *publicCertificate // nil: none is asked for
}

func (f *consoleFlags) add(c *invocation) {
	c.StringVar(&f.listen, "console", defaultConsole, "the console's `address` for browsers; off: there is no console")
	c.StringVar(&f.certificate, "console-cert", "", "the certificate of console and API, a PEM `file`; one of the site's own authority unless given")
	c.StringVar(&f.key, "console-key", "", "the key of that, a PEM `file`")
	c.Func("console-name", "the `name` at which browsers reach the console, like doors.example.com, with :PORT unless it is the console's: administrators' passkeys belong to it", func(text string) error {
		_, err := desk.ConsoleOrigin(text)
		f.name = text
		return err
	})
	f.acme.add(c)
	c.Func("trusted-proxy", "the `address` of a proxy before the console, or a range like 192.0.2.0/24, whose X-Forwarded-For and X-Forwarded-Host are believed; may be repeated", f.addProxy)
}

// addProxy reads an address, or a range of them.
func (f *consoleFlags) addProxy(text string) error {
	p, err := desk.ParseNetwork(text)
	if err != nil {
		return err
	}
	f.proxies = append(f.proxies, p)
	return nil
}

// isOwnName says whether a host name or address is the console's: it is among names,
// the certificate is valid for it, or this machine has the address.
func isOwnName(host string, names []string, certificate certificateSource) bool {
	same := func(name string) bool { return strings.EqualFold(name, host) }
	if host == "" || slices.ContainsFunc(names, same) {
		return host != ""
	}
	if pair, err := certificate(&tls.ClientHelloInfo{ServerName: host}); err == nil && pair.Leaf != nil && pair.Leaf.VerifyHostname(host) == nil {
		return true
	}
	return slices.ContainsFunc(hosts(), same) // addresses come and go
}

// openConsole listens for browsers. It prints the console's address and, if there is
// no Owner yet, the link that makes the first, or how to get it. It returns nil if
// there is no console. brokerURL is the broker's for readers, apiPort where the API is.
func openConsole(ctx context.Context, c *invocation, f consoleFlags, names []string, certificate certificateSource, brokerURL, apiPort string, log *slog.Logger) (*webServer, error) {
	if f.listen == "off" {
		return nil, nil
	}
	pages, err := console.New(console.Options{Desk: c.desk, Log: log, Trusted: f.certificate != "", Certificate: f.state, Broker: brokerURL, API: apiPort, Proxies: f.proxies,
		Known: func(host string) bool { return isOwnName(host, names, certificate) }})
	if err != nil {
		return nil, err
	}
	path := filepath.Join(c.dir, consoleAddress)
	beside := func(ctx context.Context) error {
		defer os.Remove(path)
		group, ctx := errgroup.WithContext(ctx)
		group.Go(func() error { return pages.Run(ctx) })
		if f.public != nil {
			group.Go(func() error { return f.public.run(ctx) })
		}
		return group.Wait()
	}
	w, err := newWebServer("console", f.listen, pages, beside, certificate, consoleWrite, log)
	switch {
	case errors.Is(err, unix.EADDRINUSE) && f.listen == defaultConsole:
		// Nobody asked for this address: the doors work without a console.
		log.Error("there is no console: another program has its address; name a free one with --console", "address", f.listen)
		return nil, nil
	case err != nil:
		return nil, err
	}
	if f.public != nil {
		w.server.TLSConfig.NextProtos = []string{acmeProtocol} // besides those of HTTP
	}
	if err := f.serveAt(ctx, c.desk, w.listener.Addr(), log); err != nil {
		w.listener.Close()
		return nil, err
	}
	address := "https://" + loopback(w.listener.Addr())
	if err := os.WriteFile(path, []byte(address+"\n"), 0o600); err != nil {
		w.listener.Close()
		return nil, fmt.Errorf("console: %w", err)
	}
	token, err := c.desk.FirstOwnerLink(ctx)
	if err != nil {
		w.listener.Close()
		return nil, err
	}
	fmt.Fprintf(c.out, "console %s/\n", address)
	switch {
	case token == "": // there is an Owner
	case isJournal(c.out):
		fmt.Fprintf(c.out, "first sign-in: latchkey-controller console-link --dir %s prints the link for it\n", c.dir)
	default:
		fmt.Fprintf(c.out, "first sign-in %s/link/%s\n", address, token)
	}
	return w, nil
}

// serveAt has passkeys belong to the name of the console, if it has one. Without a port,
// that is the one at which the console listens.
func (f *consoleFlags) serveAt(ctx context.Context, d *desk.Desk, at net.Addr, log *slog.Logger) error {
	if f.name == "" {
		return nil
	}
	name := f.name
	if _, _, err := net.SplitHostPort(name); err != nil {
		name = fmt.Sprintf("%s:%d", name, at.(*net.TCPAddr).Port)
	}
	origin, err := desk.ConsoleOrigin(name)
	if err == nil {
		err = d.ServeAt(origin)
	}
	if err != nil {
		return fmt.Errorf("--console-name: %w", err)
	}
	if none := (*desk.NoPasskeysError)(nil); errors.As(d.PasskeysUsable(ctx), &none) {
		log.Error("administrators cannot sign in with their passkeys", "err", none)
	}
	return nil
}

// isJournal says whether w is the system's journal (systemd.exec(5),
// JOURNAL_STREAM). Others can read that: a link that makes an Owner must not be there.
func isJournal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	var at unix.Stat_t
	return unix.Fstat(int(f.Fd()), &at) == nil && fmt.Sprintf("%d:%d", at.Dev, at.Ino) == os.Getenv("JOURNAL_STREAM")
}

// A certificateSource gives each connection a certificate.
type certificateSource = func(*tls.ClientHelloInfo) (*tls.Certificate, error)

// state says which certificate browsers get. There is no HSTS with one of a public authority: if
// that is not renewed, browsers must still let people to the page that says why.
func (f *consoleFlags) state() console.Certificate {
	if f.public != nil {
		return f.public.state()
	}
	return console.Certificate{Given: f.certificate != ""}
}

// load returns the source of the certificate of console and API: the one in the files that
// were given, or one of the site's own authority.
func (f *consoleFlags) load(dir string, s *site.Site, names []string, log *slog.Logger) (certificateSource, error) {
	if f.certificate == "" {
		own, err := ownCertificate(dir, s, names)
		source := func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return own, nil }
		if err == nil && f.acme.name != "" {
			f.public = f.acme.certificate(dir, log)
			source = f.public.or(source)
		}
		return source, err
	}
	given, err := newCertificateFiles(f.certificate, f.key, log)
	if err != nil {
		return nil, err
	}
	return given.get, nil
}
