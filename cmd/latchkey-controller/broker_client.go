package main

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// A brokerClientRow is a broker client as JSON.
type brokerClientRow struct {
	Name  string    `json:"name"`
	Added time.Time `json:"added"`
}

func brokerClient(c *invocation) action {
	c.details = `Home Assistant, or another program, connects to the readers' own broker with a key and a certificate that add
writes: NAME.key and NAME.pem, and the authority of the broker's certificate, authority.pem. It sees there
what serve shows with --homeassistant own, and opens doors if serve has --homeassistant-commands. It sees
nothing that readers and controller tell each other. Whoever has the key can do the same: keep it private.
The site has no copy of it. remove ends it at once, unless the broker is a Mosquitto: see broker-config.`
	out := c.String("out", ".", "the `directory` for the files that add writes")
	return func(ctx context.Context, args []string) error {
		switch args[0] {
		case "add":
			return brokerClientAdd(ctx, c, args[1], *out)
		case "remove":
			err := c.desk.RemoveBrokerClient(ctx, c.actor, args[1])
			if errors.Is(err, desk.ErrNotFound) {
				return fmt.Errorf("there is no broker client %q; latchkey-controller broker-client list shows all of them", args[1])
			}
			if err != nil {
				return err
			}
			return c.report(map[string]string{"name": args[1]}, `the broker client %s is removed
If the readers' broker is a Mosquitto, it lets it in until it has the new list of revoked certificates:
latchkey-controller broker-config --dir %s --out DIR, then restart Mosquitto
`, args[1], c.dir)
		}
		all, err := c.desk.BrokerClients(ctx, c.actor)
		if err != nil {
			return err
		}
		in, err := c.desk.Zone(ctx)
		if err != nil {
			return err
		}
		rows, lines := []brokerClientRow{}, []string{}
		for _, i := range all {
			rows = append(rows, brokerClientRow{i.Name, i.Added.In(in)})
			lines = append(lines, i.Name+"\t"+shortTime(i.Added, in))
		}
		return c.printTable(rows, "no broker clients; add one with: latchkey-controller broker-client --dir "+c.dir+" add NAME", fmt.Sprintf("NAME\tADDED (%s)\n", in), lines)
	}
}

// brokerClientAdd adds a broker client and writes its files. It replaces no key.
func brokerClientAdd(ctx context.Context, c *invocation, name, out string) error {
	root, err := c.site.ReissuedRoot()
	if err != nil {
		return err
	}
	base, written := filepath.Join(out, name), false
	err = c.desk.AddBrokerClient(ctx, c.actor, name, func(key, certificate []byte) error {
		if err := os.MkdirAll(out, 0o700); err != nil {
			return err
		}
		if err := writeNew(base+".key", key); err != nil {
			return fmt.Errorf("write the key: %w", err)
		}
		written = true
		err := errors.Join(os.WriteFile(base+".pem", certificate, 0o600),
			os.WriteFile(filepath.Join(out, "authority.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root}), 0o600))
		if err != nil {
			return fmt.Errorf("write the certificates: %w", err)
		}
		return nil
	})
	if err != nil && written { // nobody lets these in
		os.Remove(base + ".key")
		os.Remove(base + ".pem")
	}
	if err != nil {
		return err
	}
	return c.report(map[string]string{"name": name, "key": base + ".key", "certificate": base + ".pem", "authority": filepath.Join(out, "authority.pem")}, `%s.key, %[1]s.pem and %[5]s are for %[2]s, which connects to the readers' broker by MQTT 3.1.1,
on the port of the readers (%[3]s unless serve has --listen). The site has no copy of the key.
If that broker is a Mosquitto, it tells %[2]s nothing until it has the new access list:
latchkey-controller broker-config --dir %[4]s --out DIR, then have Mosquitto reload
`, base, name, defaultListen[1:], c.dir, filepath.Join(out, "authority.pem"))
}

// writeNew writes a file that does not exist yet, to the disk.
func writeNew(path string, b []byte) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already: move it away, or choose another directory with --out", path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(path)
	}
	return err
}
