package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	web "latchkey/cmd/latchkey-controller/internal/console"
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site"
)

// defaultConsole is where administrators meet the controller: on this machine
// only, unless it is told otherwise.
const defaultConsole = "127.0.0.1:8443"

// consoleAddress is the file in a site's directory that says where its console
// listens, while it does.
const consoleAddress = "console.address"

// Bounds of the console's server. A download and the stream of events move
// their own deadlines on while they are read.
const (
	consoleHeaders = 10 * time.Second
	consoleRead    = 60 * time.Second
	consoleWrite   = 90 * time.Second // an order for a card takes 45 s
	consoleIdle    = 2 * time.Minute
)

// consoleFlags are what serve is told about its console.
type consoleFlags struct {
	listen, certificate, key string
	proxies                  []netip.Prefix
}

// addProxy reads an address, or a range of them.
func (f *consoleFlags) addProxy(text string) error {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return errors.New("write an address like 192.0.2.1, or a range like 192.0.2.0/24")
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	f.proxies = append(f.proxies, p.Masked())
	return nil
}

// isOwnName says whether a host is one of the console's: it was told so, the
// certificate says so, or this machine has the address.
func isOwnName(host string, names []string, certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)) bool {
	same := func(name string) bool { return strings.EqualFold(name, host) }
	if host == "" || slices.ContainsFunc(names, same) {
		return host != ""
	}
	if pair, err := certificate(&tls.ClientHelloInfo{ServerName: host}); err == nil && pair.Leaf != nil && pair.Leaf.VerifyHostname(host) == nil {
		return true
	}
	return slices.ContainsFunc(hosts(), same) // addresses come and go
}

func (f *consoleFlags) check() error {
	if (f.certificate == "") != (f.key == "") {
		return usageError("latchkey-controller serve: --console-cert and --console-key belong together")
	}
	return nil
}

// A webServer is the console while it runs.
type webServer struct {
	server   *http.Server
	listener net.Listener
	console  *web.Console
	desk     *desk.Desk
	address  string // the file that says where it is
}

// openConsole listens for administrators, and prints where, with the link that
// makes the first Owner if there is none, or how to get one. It returns nil if there is no console.
func openConsole(ctx context.Context, c console, dir string, s *site.Site, d *desk.Desk, f consoleFlags, names []string, brokerURL string, log *slog.Logger) (*webServer, error) {
	if f.listen == "off" {
		return nil, nil
	}
	certificate, err := f.load(dir, s, names, log)
	if err != nil {
		return nil, err
	}
	pages, err := web.New(web.Options{Desk: d, Log: log, Trusted: f.certificate != "", Broker: brokerURL, Proxies: f.proxies,
		Known: func(host string) bool { return isOwnName(host, names, certificate) }})
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", f.listen)
	switch {
	case errors.Is(err, unix.EADDRINUSE) && f.listen == defaultConsole:
		// Nobody asked for this address: doors do not wait for it.
		log.Error("there is no console: another program has its address; name a free one with --console", "address", f.listen)
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("console: %w", err)
	}
	w := &webServer{listener: listener, console: pages, desk: d, address: filepath.Join(dir, consoleAddress)}
	w.server = &http.Server{
		Handler:           pages,
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certificate},
		ReadHeaderTimeout: consoleHeaders, ReadTimeout: consoleRead, WriteTimeout: consoleWrite, IdleTimeout: consoleIdle,
		MaxHeaderBytes: 32 << 10,
		ConnState:      newCrowd().state,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug), // what browsers think of certificates
	}
	address := consoleURL(listener.Addr())
	if err := os.WriteFile(w.address, []byte(address+"\n"), 0o600); err != nil {
		listener.Close()
		return nil, fmt.Errorf("console: %w", err)
	}
	token, err := d.FirstLink(ctx)
	if err != nil {
		listener.Close()
		return nil, err
	}
	fmt.Fprintf(c.out, "console %s/\n", address)
	switch {
	case token == "":
	case journalled(c.out):
		fmt.Fprintf(c.out, "first sign-in: latchkey-controller console-link --dir %s prints the link for it\n", dir)
	default:
		fmt.Fprintf(c.out, "first sign-in %s/link/%s\n", address, token)
	}
	return w, nil
}

// journalled says whether what is written goes to the system's journal, which
// keeps it for those who may read logs (systemd.exec(5), JOURNAL_STREAM): no
// place for a link that makes an Owner.
func journalled(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	var at unix.Stat_t
	return unix.Fstat(int(f.Fd()), &at) == nil && fmt.Sprintf("%d:%d", at.Dev, at.Ino) == os.Getenv("JOURNAL_STREAM")
}

// load returns where the console's certificate comes from: the files that were
// given, or the site's own authority.
func (f *consoleFlags) load(dir string, s *site.Site, names []string, log *slog.Logger) (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
	if f.certificate == "" {
		own, err := ownCertificate(dir, s, names)
		return func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return own, nil }, err
	}
	given, err := newRenewed(f.certificate, f.key, log)
	if err != nil {
		return nil, err
	}
	return given.get, nil
}

// consoleURL is the address of a console for browsers on this machine.
func consoleURL(addr net.Addr) string { return "https://" + loopback(addr) }

// run serves until ctx ends.
func (w *webServer) run(ctx context.Context) error {
	defer os.Remove(w.address)
	group, ctx := errgroup.WithContext(ctx)
	w.server.BaseContext = func(net.Listener) context.Context { return ctx }
	group.Go(func() error { return w.console.Run(ctx) })
	group.Go(func() error {
		if err := w.server.ServeTLS(w.listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("console: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		if w.server.Shutdown(patience) != nil {
			return w.server.Close()
		}
		return nil
	})
	return group.Wait()
}

func consoleLinkCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "console-link", "[--owner NAME]",
		"Makes a link with which an Owner sets a new password at the console, or that makes the first Owner.\nIt works once and for a day; an older one of the same ends. Whoever has this directory is let in again.")
	owner := o.String("owner", "", "the Owner's `name`; the first one unless given")
	if _, err := o.parse(args, 0); err != nil {
		return err
	}
	counter, err := openCounter(ctx, o)
	if err != nil {
		return err
	}
	defer counter.close()
	token, err := counter.OwnerLink(ctx, counter.actor, *owner)
	if err != nil {
		return err
	}
	link := linkURL(o.dir, token)
	if o.json {
		return printJSON(c.out, map[string]string{"link": link})
	}
	_, err = fmt.Fprintln(c.out, link)
	return err
}
