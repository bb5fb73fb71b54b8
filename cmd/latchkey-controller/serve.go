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
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"latchkey/cmd/latchkey-controller/internal/control"
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/errand"
	"latchkey/cmd/latchkey-controller/internal/mail"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// defaultListen is the broker's address for readers: on the port that IANA gave to
// MQTT over TLS.
const defaultListen = ":8883"

func serve(c *invocation) action {
	c.details = "It has a broker of its own unless --broker names others, and is connected to all of these. It runs until it\nis told to end. It prints a line when readers can connect, and one each with the addresses of console, API and adoption.\nSeveral may serve a site in PostgreSQL, each on its own machine (join), all with --broker: of each cell one\nleads, and the others stand by, with console and API, until they lead. POSTGRESQL.md says more."
	listen := c.String("listen", defaultListen, "the broker's `address` for readers")
	var external []string
	c.Func("broker", "`URL` of another broker, like ssl://broker.example:8883; may be repeated; see broker-config", func(url string) error {
		if err := wire.CheckBroker(url); err != nil {
			return err
		}
		b, _ := wire.ParseBroker(url)
		external = append(external, b.String())
		return wire.CheckBrokers(external)
	})
	cellName := c.String("cell", "", "the `name` of the cell whose readers it serves, with brokers of theirs; see cell")
	names := hosts()
	c.Func("name", "a further `host` name or address of the broker and the console; may be repeated", func(name string) error {
		names = append(names, name)
		return nil
	})
	var page consoleFlags
	page.add(c)
	var home homeAssistantFlags
	home.add(c)
	apiListen := c.String("api", "off", "the `address` at which programs with a token are served, like 127.0.0.1:12445; off: there is no API")
	adoptionListen := c.String("adoption", defaultAdoption, "the `address` at which new readers hand themselves over, for an administrator to adopt them, and which is announced to them by DNS-SD; off: there is none, and readers are adopted with files")
	verbose := c.Bool("verbose", false, "log what goes right, too")
	c.check = func([]string) error {
		if host, _, err := net.SplitHostPort(page.name); err == nil {
			names = append(names, host)
		} else if page.name != "" {
			names = append(names, page.name)
		}
		if page.acme.name != "" {
			names = append(names, page.acme.name)
		}
		if err := page.acme.check(c, &page); err != nil {
			return err
		}
		if (page.certificate == "") != (page.key == "") {
			return c.wrongUse("--console-cert and --console-key belong together")
		}
		return home.check(c, external)
	}
	return func(ctx context.Context, _ []string) error {
		level := slog.LevelInfo
		if *verbose {
			level = slog.LevelDebug
		}
		log := slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: level}))
		signal.Ignore(unix.SIGHUP) // a renewed certificate is noticed without it
		unlock, err := lock(c.dir)
		if err != nil {
			return err
		}
		defer unlock()
		if err := c.site.RemoveLeftovers(); err != nil {
			log.Error("remove a copy of the site that an older version left", "err", err)
		}
		if err := c.site.Full(); err != nil {
			log.Error("only orders and what administrators do are stored, in reserved space", "err", err)
		}
		doubts, err := c.site.DatabaseDoubts(ctx)
		if err != nil {
			return err
		}
		for _, doubt := range doubts {
			log.Warn(doubt)
		}
		certificate, err := page.load(c.dir, c.site, names, log)
		if err != nil {
			return err
		}
		cell, several, err := c.servedCell(ctx, *cellName, external)
		if err != nil {
			return err
		}
		if cell.ID != store.HomeCell && home.broker != "" {
			return errHomeOnly
		}
		if len(external) > 0 && len(cell.Brokers) > 0 && !slices.ContainsFunc(external, func(url string) bool {
			return slices.ContainsFunc(cell.Brokers, func(its string) bool { return wire.SameBroker(its, url) })
		}) {
			log.Warn("no --broker is one that the readers of the cell are told of; unless these are other names of the same brokers, no reader is heard: name them as cell show does", "cell", cell.Name, "its", strings.Join(cell.Brokers, " "), "given", strings.Join(external, " "))
		}
		l := &leading{c: c, cell: cell, several: several, log: log, listen: *listen, names: names, brokers: external, homeAssistant: &home, live: errand.NewClient(c.site, cell.ID)}
		c.desk = desk.New(desk.Options{Site: c.site, Live: l.live, Log: log, Mail: mail.Send, Cell: cell.ID, Embedded: len(external) == 0, Here: names})
		group, ctx := errgroup.WithContext(ctx)
		l.open = sync.OnceValue(func() error {
			programs, err := openAPI(c, *apiListen, certificate, log)
			if err != nil {
				return err
			}
			boards, err := openAdoption(c, *adoptionListen, certificate, log)
			if err != nil {
				return err
			}
			console, err := openConsole(ctx, c, page, names, certificate, l.forReaders(), apiPort(programs), log)
			if err != nil {
				return err
			}
			if console != nil {
				group.Go(func() error { return console.run(ctx) })
			}
			if boards != nil {
				group.Go(func() error { return boards.run(ctx) })
			}
			if programs != nil {
				group.Go(func() error { return programs.run(ctx) })
			}
			group.Go(func() error { return control.Serve(ctx, c.dir, c.desk) })
			return nil
		})
		group.Go(func() error { return l.live.Run(ctx) })
		group.Go(func() error { return l.run(ctx) })
		group.Go(func() error { return watchDatabase(ctx, c.site, log) })
		return group.Wait()
	}
}

var errHomeOnly = errors.New("--homeassistant is for controllers of the home cell: who leads that shows the readers of all cells to Home Assistant; start this one without")

// servedCell returns the cell with a name that is to be served with some brokers, "" for the home cell, and whether there are
// others.
func (c *invocation) servedCell(ctx context.Context, name string, brokers []string) (cell *store.Cell, several bool, err error) {
	if cell, err = c.site.Cell(ctx, name); err != nil {
		return nil, false, err
	}
	switch {
	case cell.ID == store.HomeCell:
	case !c.site.Shared():
		return nil, false, fmt.Errorf("the cell %s needs the site's database in PostgreSQL, and it is in SQLite: take the site there with latchkey-controller site move, or serve the home cell", cell.Name)
	case len(brokers) == 0:
		return nil, false, fmt.Errorf("the controller's own broker is for the home cell: name those of the cell %s with --broker", cell.Name)
	}
	var all []store.Cell
	if err := c.site.View(ctx, func(tx *store.Tx) (err error) { all, err = tx.Cells(); return err }); err != nil {
		return nil, false, err
	}
	for _, other := range all {
		for _, url := range brokers {
			if other.ID != cell.ID && slices.ContainsFunc(other.Brokers, func(its string) bool { return wire.SameBroker(its, url) }) {
				return nil, false, fmt.Errorf("the broker %s is one of the cell %s, and this controller is to serve the cell %s; name brokers of that one, or serve the other with --cell %[2]s", url, other.Name, cell.Name)
			}
		}
	}
	return cell, len(all) > 1, nil
}

// lock makes this process the only one on this machine that serves a site, or changes what must not
// change meanwhile.
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

// hosts returns this machine's names and addresses.
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
