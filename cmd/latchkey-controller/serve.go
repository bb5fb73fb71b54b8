package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"latchkey/cmd/latchkey-controller/internal/broker"
	"latchkey/cmd/latchkey-controller/internal/control"
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/sync/wire"
)

// defaultListen is where readers meet the controller: the port that IANA gave
// to MQTT over TLS.
const defaultListen = ":8883"

func serveCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "serve", "[--listen ADDR] [--name HOST]… | [--broker URL]  [--console ADDR]",
		"Runs the controller, with a broker of its own unless --broker names another one, until it is told to\nend. Prints a line when readers can come, and one with the console's address.")
	listen := o.String("listen", defaultListen, "`address` at which readers meet the broker")
	external := o.String("broker", "", "`URL` of another broker, like ssl://broker.example:8883; see broker-config")
	names := hosts()
	o.Func("name", "a further `host` name or address under which readers find the broker, and browsers the console; may be repeated", func(name string) error {
		names = append(names, name)
		return nil
	})
	var page consoleFlags
	o.StringVar(&page.listen, "console", defaultConsole, "`address` at which browsers meet the console; off: there is none")
	o.StringVar(&page.certificate, "console-cert", "", "the console's certificate, a PEM `file`; one of the site's own authority unless given")
	o.StringVar(&page.key, "console-key", "", "the key of that, a PEM `file`")
	o.Func("trusted-proxy", "an `address`, or a range like 192.0.2.0/24, of a proxy before the console whose X-Forwarded-For and X-Forwarded-Host are believed; may be repeated", page.addProxy)
	verbose := o.Bool("verbose", false, "log what goes right, too")
	if _, err := o.parse(args, 0); err != nil {
		return err
	}
	if err := page.check(); err != nil {
		return err
	}
	if *external != "" {
		if err := wire.CheckBroker(*external); err != nil {
			return usagef("latchkey-controller serve: --broker: %v", err)
		}
	}
	level := slog.LevelInfo
	if *verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: level}))
	s, err := site.Open(ctx, o.dir)
	if err != nil {
		return err
	}
	defer s.Close()
	signal.Ignore(unix.SIGHUP) // a renewed certificate is read again by itself
	unlock, err := lock(o.dir)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.RemoveAside(); err != nil {
		log.Error("a copy of the site that an older version left is not removed", "err", err)
	}

	if err := s.Full(); err != nil {
		log.Error("only orders and what administrators do are kept, in space kept for them", "err", err)
	}
	own, err := s.ControllerCertificate()
	if err != nil {
		return err
	}
	options := link.Options{
		Site: s, Broker: *external, Name: site.ControllerName, Log: log,
		Certificate: own,
		Readers:     func(map[string]*site.Peer) {},
	}
	meet := *external // where readers do
	if *external == "" {
		var in inForce
		covering := s.Cover(names)
		if err := covering.Refresh(ctx); err != nil {
			return err
		}
		b, err := broker.Start(ctx, *listen, broker.Options{
			Site: s.Name, Certificate: covering.Certificate, Authority: s.Authority(), Controller: site.ControllerName, InForce: in.has, Log: log,
		})
		if err != nil {
			return err
		}
		defer b.Close()
		options.Broker, meet = "ssl://"+loopback(b.Addr()), "ssl://:"+port(b.Addr())
		options.Readers = func(peers map[string]*site.Peer) {
			in.set(peers)
			if err := covering.Refresh(ctx); err != nil {
				log.Error("the broker's certificate may lack a name that a reader was given", "err", err)
			}
			b.Expel()
		}
		fmt.Fprintf(c.out, "site %s: readers come to %s\n", s.Name, b.Addr())
	} else {
		fmt.Fprintf(c.out, "site %s: readers come to %s\n", s.Name, *external)
	}
	l, err := link.New(options)
	if err != nil {
		return err
	}
	d := desk.New(desk.Options{Site: s, Live: l, Log: log})
	server, err := openConsole(ctx, c, o.dir, s, d, page, names, meet, log)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return l.Run(ctx) })
	group.Go(func() error { return d.Tend(ctx) })
	if server != nil {
		group.Go(func() error { return server.run(ctx) })
	}
	group.Go(func() error { return control.Serve(ctx, o.dir, answers(d, l)) })
	return group.Wait()
}

// lock makes this process the only one that serves a site.
func lock(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "serve.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("a controller runs on %s already", dir)
		}
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return func() { f.Close() }, nil
}

// inForce are the serial numbers of the certificates that count.
type inForce struct {
	serials atomic.Pointer[map[string]string]
}

func (f *inForce) set(peers map[string]*site.Peer) {
	serials := make(map[string]string, len(peers))
	for id, p := range peers {
		serials[id] = p.Serial
	}
	f.serials.Store(&serials)
}

func (f *inForce) has(reader, serial string) bool {
	serials := f.serials.Load()
	return serials != nil && serial != "" && (*serials)[reader] == serial
}

// hosts returns the names and addresses under which this machine is found.
func hosts() []string {
	found := []string{"localhost", "127.0.0.1", "::1"}
	if name, err := os.Hostname(); err == nil {
		found = append(found, name)
	}
	addrs, _ := net.InterfaceAddrs()
	for _, addr := range addrs {
		if ip, ok := addr.(*net.IPNet); ok && !ip.IP.IsLoopback() {
			found = append(found, ip.IP.String())
		}
	}
	return found
}

// loopback returns where this machine reaches a listener of its own.
func loopback(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if ok && tcp.IP.IsUnspecified() {
		return (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: tcp.Port}).String()
	}
	return addr.String()
}

// port returns the port of a listener.
func port(addr net.Addr) string {
	_, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "8883"
	}
	return port
}
