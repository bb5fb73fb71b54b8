package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/broker"
	"latchkey/cmd/latchkey-controller/internal/control"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func brokerConfig(c *invocation) action {
	c.details = `It is for Mosquitto 2.0. It lets in this site's readers and its controller only, and confines each reader
to its own topics. Write it again when you have added a reader, and have Mosquitto reload it: until then
that reader hears of changes only when it reports, every 30 s. Broker clients are let in, too, on topics of
their own, and hear nothing until then. When you have removed a reader or a broker client, or added one
again, restart Mosquitto: it reads the list of revoked certificates only as it starts. Mosquitto
looks at times of validity: if an older version made a reader's bundle while its clock was ahead,
Mosquitto may refuse that reader until it has a new bundle. Each broker gets a directory, and so a key,
of its own: for a second one on another machine, add --elsewhere and its --name, and take the directory there.
Written again, a directory keeps its --listen, --name, --elsewhere, --at and --cell unless others are given.
The certificate names the cell, and only controllers of that connect to the broker. Readers of other cells are let
in, too: they may be moved.`
	var given brokerPlace
	out := c.String("out", "", "the configuration's `directory`")
	c.StringVar(&given.Listen, "listen", defaultListen, "the broker's `address` for readers")
	c.Func("name", "a further `host` name or address of the broker; may be repeated", func(name string) error {
		given.Names = append(given.Names, name)
		return nil
	})
	c.BoolVar(&given.Elsewhere, "elsewhere", false, "the broker runs on another machine: its certificate is for what --name says, and not for this machine")
	c.StringVar(&given.At, "at", elsewhereAt, "the `directory` on that other machine")
	cellName := c.String("cell", "", "the `name` of the cell whose readers it serves, see cell; otherwise the home cell")
	var place *brokerPlace
	var address, port string
	c.check = func([]string) (err error) {
		said := map[string]bool{}
		c.Visit(func(f *flag.Flag) { said[f.Name] = true })
		if place, err = given.withKept(*out, said); err != nil {
			return err
		}
		if place.Elsewhere && len(place.Names) == 0 {
			return c.wrongUse("--elsewhere needs the --name under which readers and the controller reach the broker")
		}
		if said["at"] && (!place.Elsewhere || !filepath.IsAbs(place.At)) {
			return c.wrongUse("--at is the absolute path of a directory on another machine, and needs --elsewhere")
		}
		if address, port, err = net.SplitHostPort(place.Listen); err != nil {
			return c.wrongUse("--listen: %v", err)
		}
		return nil
	}
	return func(ctx context.Context, _ []string) (err error) {
		cell, err := cellOfBroker(ctx, c, *out, *cellName, place)
		if err != nil {
			return err
		}
		m := &broker.Mosquitto{Site: c.site.Name, Address: address, Port: port, Controller: site.ControllerName, Bridge: site.HomeAssistantName}
		names := place.Names
		if place.Elsewhere {
			m.At = place.At
		} else {
			names = append(hosts(), names...)
		}
		if m.Authority, err = c.site.ReissuedRoot(); err != nil {
			return err
		}
		if m.Certificate, err = c.site.BrokerCertificate(names, cell.ID); err != nil {
			return err
		}
		if m.Revoked, err = c.site.Revoked(ctx, time.Now()); err != nil {
			return err
		}
		peers, _, err := c.site.Peers(ctx)
		if err != nil {
			return err
		}
		for id, peer := range peers {
			if peer.Cell.Cell == cell.ID {
				m.Readers = append(m.Readers, id)
			} else {
				m.Others = append(m.Others, id)
			}
		}
		if several, err := severalCells(ctx, c); err != nil {
			return err
		} else if several || *cellName != "" {
			m.Room = cellReaders
		}
		brokerClients, err := c.site.BrokerClients(ctx)
		if err != nil {
			return err
		}
		m.BrokerClients = slices.Collect(maps.Keys(brokerClients))
		if err := errors.Join(m.Write(*out), place.keep(*out)); err != nil {
			return fmt.Errorf("write the broker's configuration: %w", err)
		}
		host, err := os.Hostname()
		if err != nil {
			host = "HOST"
		}
		if place.Elsewhere {
			host = names[0]
		}
		url := "ssl://" + net.JoinHostPort(host, port)
		brokers := cell.Brokers
		if len(brokers) == 0 {
			others, err := otherBrokers(ctx, c)
			if err != nil {
				return err
			}
			brokers = withBroker(others, url)
		} else if !slices.ContainsFunc(brokers, func(b string) bool { return isAt(b, names, port) }) {
			fmt.Fprintf(c.err, "warning: %s is none of the brokers of the cell %s, so its readers do not go there: name it with latchkey-controller cell edit, with the others (%s), or give the --name that is among these\n", url, cell.Name, strings.Join(brokers, ", "))
		}
		serve, where := "latchkey-controller serve --dir "+c.dir, "here"
		if cell.ID != store.HomeCell { // its controllers have directories of their own
			serve, where = "latchkey-controller serve --dir DIR --cell "+cell.Name, "on the machines of the cell's controllers, in their directories"
		}
		for _, b := range brokers {
			serve += " --broker " + b
		}
		config := filepath.Join(*out, broker.ConfigFile)
		if !place.Elsewhere {
			return c.report(map[string]string{"config": config}, `%[1]s and its files are written. Mosquitto reads them as its own user:

  chown -R mosquitto: %[2]s
  mosquitto -c %[1]s

If it runs already, chown, then systemctl reload mosquitto or kill -HUP; for the revoked certificates
restart it. Then, %[4]s:

  %[3]s
`, config, *out, serve, where)
		}
		return c.report(map[string]string{"config": config, "at": place.At}, `%[1]s and its files are written, for %[2]s. The broker's key is among them: let nobody else read it.
Copy all of them to that machine, into %[3]s:

  ssh root@%[2]s mkdir -p -m 700 %[3]s
  scp %[1]s/* root@%[2]s:%[3]s/

There, Mosquitto reads them as its own user:

  chown -R mosquitto: %[3]s
  mosquitto -c %[3]s/%[4]s

If it runs already, chown, then systemctl reload mosquitto or kill -HUP; for the revoked certificates
restart it. Then, %[6]s:

  %[5]s
`, *out, host, place.At, broker.ConfigFile, serve, where)
	}
}

// cellReaders is how many readers the limits of a broker of one of several cells are for: it is often set up while the cell
// is empty, and nobody writes its configuration again when readers are moved there.
const cellReaders = 10_000

func severalCells(ctx context.Context, c *invocation) (several bool, err error) {
	err = c.site.View(ctx, func(tx *store.Tx) error {
		all, err := tx.Cells()
		several = len(all) > 1
		return err
	})
	return several, err
}

// cellOfBroker returns the cell that was named, or else the one that the directory was written for, and notes it in the place.
func cellOfBroker(ctx context.Context, c *invocation, dir, name string, place *brokerPlace) (*store.Cell, error) {
	if name != "" || place.Cell == 0 {
		cell, err := c.site.Cell(ctx, name)
		if place.Cell = 0; err == nil && cell.ID != store.HomeCell {
			place.Cell = cell.ID
		}
		return cell, err
	}
	var all []store.Cell
	err := c.site.View(ctx, func(tx *store.Tx) (err error) {
		all, err = tx.Cells()
		return err
	})
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].ID == place.Cell {
			return &all[i], nil
		}
	}
	return nil, fmt.Errorf("the cell that %s was written for was removed: say with --cell whose broker it is now", dir)
}

// otherBrokers returns the brokers that the controller is connected to, but for its own, or else, if
// none runs, those that readers are told of.
func otherBrokers(ctx context.Context, c *invocation) (urls []string, err error) {
	found, err := c.running(sessionUser()).Brokers(ctx)
	if err == nil {
		for _, b := range found.Connected {
			if !found.Embedded {
				urls = append(urls, b.URL)
			}
		}
		return urls, nil
	}
	if !errors.Is(err, control.ErrNotRunning) {
		return nil, err
	}
	if found, err = c.desk.Brokers(ctx, c.actor); err != nil {
		return nil, err
	}
	for _, r := range found.Readers {
		for _, url := range r.Policy {
			urls = withBroker(urls, url)
		}
	}
	return urls, nil
}

// isAt says whether a broker is at a port of a machine with some names and addresses.
func isAt(url string, names []string, port string) bool {
	b, err := wire.ParseBroker(url)
	return err == nil && b.Port == port && slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, b.Host) })
}

// withBroker adds a broker to others unless it is there, or they are as many as there may be.
func withBroker(others []string, url string) []string {
	same := func(other string) bool { return wire.SameBroker(other, url) }
	if slices.ContainsFunc(others, same) || len(others) == wire.MaxBrokers {
		return others
	}
	return append(others, url)
}
