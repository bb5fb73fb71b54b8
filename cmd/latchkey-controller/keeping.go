package main

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/broker"
	"latchkey/cmd/latchkey-controller/internal/site"
)

func siteRekeyCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "site rekey", "",
		"Begins a new epoch with a new site key, after a reader or its key was stolen. Everybody keeps PIN and\ncards. Whoever has the old key and a copy of the credentials can still find out PINs, given time: give\nnew ones to those who matter.")
	if _, err := o.parse(args, 0); err != nil {
		return err
	}
	d, err := openCounter(ctx, o)
	if err != nil {
		return err
	}
	defer d.close()
	epoch, err := d.NewEpoch(ctx, d.actor)
	if err != nil {
		return err
	}
	if o.json {
		return printJSON(c.out, map[string]any{"epoch": epoch})
	}
	_, err = fmt.Fprintf(c.out, "epoch %d begins; readers go over to it when they have its key and its snapshot\n", epoch)
	return err
}

func siteStorageKeyCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "site storage-key", "",
		"Encrypts the secrets in the site's database with another storage key. Stop the controller first. An older\nbackup has the older key in it: it opens what was encrypted until now to whoever can open the backup.")
	if _, err := o.parse(args, 0); err != nil {
		return err
	}
	d, err := openCounter(ctx, o)
	if err != nil {
		return err
	}
	defer d.close()
	unlock, err := lock(o.dir)
	if err != nil {
		return err
	}
	defer unlock()
	if err := d.NewStorageKey(ctx, d.actor); err != nil {
		return err
	}
	if o.json {
		return printJSON(c.out, map[string]string{"site": d.site.Name})
	}
	_, err = fmt.Fprintf(c.out, "site %s has another storage key; make a new backup now\n", d.site.Name)
	return err
}

func brokerConfigCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "broker-config", "--out DIR [--listen ADDR] [--name HOST]…",
		"Writes the configuration of a Mosquitto 2.0 that lets in this site's readers and its controller, and\neach reader to its own topics only. Write it anew when a reader was added, and have Mosquitto reload it: until\nthen that reader hears of changes only as it reports, every 30 s. Restart Mosquitto when one was added\nagain or removed: until then the list of revoked certificates is the older one.\nMosquitto looks at times of validity: it may refuse a reader whose bundle an older version made while\nits clock was ahead, until that reader has a new bundle.")
	out := o.String("out", "", "the configuration's `directory`")
	listen := o.String("listen", defaultListen, "`address` at which readers meet the broker")
	names := hosts()
	o.Func("name", "a further `host` name or address under which readers find the broker; may be repeated", func(name string) error {
		names = append(names, name)
		return nil
	})
	if _, err := o.parse(args, 0, "out"); err != nil {
		return err
	}
	address, port, err := net.SplitHostPort(*listen)
	if err != nil {
		return usagef("latchkey-controller broker-config: --listen: %v", err)
	}
	s, err := site.Open(ctx, o.dir)
	if err != nil {
		return err
	}
	defer s.Close()
	now := time.Now()
	m := &broker.Mosquitto{Site: s.Name, Address: address, Port: port, Controller: site.ControllerName}
	if m.Authority, err = s.LastingRoot(); err != nil {
		return err
	}
	if m.Certificate, err = s.BrokerCertificate(names); err != nil {
		return err
	}
	if m.Revoked, err = s.Revoked(ctx, now); err != nil {
		return err
	}
	peers, _, err := s.Peers(ctx)
	if err != nil {
		return err
	}
	m.Readers = slices.Collect(maps.Keys(peers))
	if err := m.Write(*out); err != nil {
		return fmt.Errorf("write the broker's configuration: %w", err)
	}
	config := filepath.Join(*out, broker.ConfigFile)
	if o.json {
		return printJSON(c.out, map[string]string{"config": config})
	}
	host, err := os.Hostname()
	if err != nil {
		host = "HOST"
	}
	_, err = fmt.Fprintf(c.out, `%s and what belongs to it are written. Mosquitto reads them as its own user:

  chown -R mosquitto: %s
  mosquitto -c %s
  latchkey-controller serve --dir %s --broker ssl://%s

One that runs reads them anew after chown by systemctl reload mosquitto, or kill -HUP; the revoked
certificates only as it is restarted.
`, config, *out, config, o.dir, net.JoinHostPort(host, port))
	return err
}
