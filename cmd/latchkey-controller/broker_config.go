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

func brokerConfig(c *invocation) action {
	c.details = `It is for Mosquitto 2.0. It lets in this site's readers and its controller only, and confines each reader
to its own topics. Write it again when you have added a reader, and have Mosquitto reload it: until then
that reader hears of changes only when it reports, every 30 s. Broker clients are let in, too, on topics of
their own, and hear nothing until then. When you have removed a reader or a broker client, or added one
again, restart Mosquitto: it reads the list of revoked certificates only as it starts. Mosquitto
looks at times of validity: if an older version made a reader's bundle while its clock was ahead,
Mosquitto may refuse that reader until it has a new bundle. Each broker gets a directory, and so a key,
of its own: for a second one on another machine, add --elsewhere and its --name, and take the directory there.`
	out := c.String("out", "", "the configuration's `directory`")
	listen := c.String("listen", defaultListen, "the broker's `address` for readers")
	here := hosts()
	names := here
	c.Func("name", "a further `host` name or address of the broker; may be repeated", func(name string) error {
		names = append(names, name)
		return nil
	})
	elsewhere := c.Bool("elsewhere", false, "the broker runs on another machine: its certificate is for what --name says, and not for this machine")
	var address, port string
	c.check = func([]string) (err error) {
		if *elsewhere {
			if names = names[len(here):]; len(names) == 0 {
				return c.wrongUse("--elsewhere needs the --name under which readers and the controller reach the broker")
			}
		}
		if address, port, err = net.SplitHostPort(*listen); err != nil {
			return c.wrongUse("--listen: %v", err)
		}
		return nil
	}
	return func(ctx context.Context, _ []string) (err error) {
		m := &broker.Mosquitto{Site: c.site.Name, Address: address, Port: port, Controller: site.ControllerName, Bridge: site.HomeAssistantName}
		if m.Authority, err = c.site.ReissuedRoot(); err != nil {
			return err
		}
		if m.Certificate, err = c.site.BrokerCertificate(names); err != nil {
			return err
		}
		if m.Revoked, err = c.site.Revoked(ctx, time.Now()); err != nil {
			return err
		}
		peers, _, err := c.site.Peers(ctx)
		if err != nil {
			return err
		}
		m.Readers = slices.Collect(maps.Keys(peers))
		brokerClients, err := c.site.BrokerClients(ctx)
		if err != nil {
			return err
		}
		m.BrokerClients = slices.Collect(maps.Keys(brokerClients))
		if err := m.Write(*out); err != nil {
			return fmt.Errorf("write the broker's configuration: %w", err)
		}
		host, err := os.Hostname()
		if err != nil {
			host = "HOST"
		}
		if *elsewhere {
			host = names[0]
		}
		config := filepath.Join(*out, broker.ConfigFile)
		return c.report(map[string]string{"config": config}, `%[1]s and its files are written. Mosquitto reads them as its own user:

  chown -R mosquitto: %[2]s
  mosquitto -c %[1]s
  latchkey-controller serve --dir %[3]s --broker ssl://%[4]s

If it runs already, chown, then systemctl reload mosquitto or kill -HUP; for the revoked certificates
restart it.
`, config, *out, c.dir, net.JoinHostPort(host, port))
	}
}
