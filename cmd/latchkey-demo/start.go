package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
)

// start runs broker, controller and both readers, each a process of its own, until
// ctx, the controller or a reader ends. The broker may be stopped and started
// again meanwhile.
func (d *demo) start(ctx context.Context, known *facts) error {
	serve := []string{"serve", "--dir", d.path("site"), "--console", d.console, "--api", d.api, "--adoption", d.adoption}
	// The readers end first, so that they can still tell the controller, and the broker last.
	brokerContext, stopBroker := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBroker()
	broker, config, err := d.mosquitto(brokerContext)
	if err != nil {
		return err
	}
	at, about := []string{"--listen", d.broker}, "is part of the controller; if mosquitto is installed, it is used instead"
	if broker != nil {
		if err := forward("broker", broker); err != nil {
			return err
		}
		if err := d.awaitBroker(ctx); err != nil {
			return err
		}
		defer broker.Wait()
		defer stopBroker()
		at = []string{"--broker", "ssl://" + d.broker}
		about = fmt.Sprintf("is mosquitto, process %d. Stop it: the door still works. Start it again with\n    %s", broker.Process.Pid, shell(broker.Path, "-c", config))
	}
	fmt.Printf(`
  The reader's page   http://%s/
  A second reader     http://%[8]s/ (%[9]s)
  The console         https://%[7]s/ (the first time by the link that the controller prints below;
                      the browser warns: the certificate is of the site's own authority)
  Ada's PIN           %[2]s
  Bob's card          %[3]s

  Tap PIN on the page and type Ada's PIN, or click Bob's card. Bob's card only has a number, and can be copied.
  One that cannot: choose New card at a user in the console and Write the keys, then click New DESFire EV3 on the
  reader's page, and confirm the card in the console when the reader says Done.
  To add the second reader, sign in at the console, press Adopt it, compare the fingerprint with the one on the
  reader's screen, name its door, say who may open it, and press Adopt: Ada's PIN opens that door, too.
  Ctrl-C stops. From another terminal:

    %[4]s user add --dir %[5]s --name "Grace Hopper" --pin auto
    %[4]s unlock --dir %[5]s front-door
    %[4]s records --dir %[5]s --follow

  The broker %[6]s

`, d.listen, known.PIN, known.UID, shell(filepath.Join(d.bin, "latchkey-controller")), shell(d.path("site")), about, d.console, d.second, d.aboutSecond())

	group, groupContext := errgroup.WithContext(ctx)
	controllerContext, stopController := context.WithCancel(context.WithoutCancel(ctx))
	defer stopController()
	controller := d.command(controllerContext, "latchkey-controller", append(serve, at...)...)
	if err := forward("controller", controller); err != nil {
		return err
	}
	readers, readersContext := errgroup.WithContext(groupContext)
	for _, name := range []string{"reader", theSecond} {
		reader := d.command(readersContext, "latchkeyd", "run", "--config", d.path(name, "latchkeyd.toml"))
		if err := forward(name, reader); err != nil {
			return err
		}
		readers.Go(func() error { return ended("latchkeyd", reader.Wait(), readersContext) })
	}
	group.Go(func() error { return ended("latchkey-controller", controller.Wait(), controllerContext) })
	group.Go(func() error { return d.tellProgram(groupContext, known) })
	group.Go(func() error { return d.admitSecond(groupContext, broker) })
	group.Go(func() error {
		defer stopController()
		return readers.Wait()
	})
	if err := group.Wait(); ctx.Err() == nil {
		return err
	}
	return nil
}

// ended is the error of a program that has ended before ctx.
func ended(program string, err error, ctx context.Context) error {
	if ctx.Err() != nil {
		return nil
	}
	if err == nil {
		return fmt.Errorf("%s has ended", program)
	}
	return fmt.Errorf("%s: %w", program, err)
}

// mosquitto returns the broker as a command, and its config; nil if it is not
// installed.
func (d *demo) mosquitto(ctx context.Context) (broker *exec.Cmd, config string, err error) {
	program := mosquittoProgram()
	if program == "" {
		return nil, "", nil
	}
	config, err = d.mosquittoConfig(ctx, d.path("site"), d.broker, d.path("broker"))
	return d.command(ctx, program, "-c", config), config, err
}

// mosquittoProgram returns Mosquitto's path; "": it is not installed.
func mosquittoProgram() string {
	for _, name := range []string{"mosquitto", "/usr/sbin/mosquitto"} {
		if program, err := exec.LookPath(name); err == nil {
			return program
		}
	}
	return ""
}

// mosquittoConfig writes the configuration of a site's broker into a directory and returns its file.
func (d *demo) mosquittoConfig(ctx context.Context, site, address, dir string) (config string, err error) {
	if err := d.do(ctx, nil, "latchkey-controller", "broker-config", "--dir", site, "--listen", address, "--out", dir); err != nil {
		return "", err
	}
	config = filepath.Join(dir, "mosquitto.conf")
	if os.Getuid() == 0 {
		// Mosquitto started by root becomes a user who may not read var/.
		text, err := os.ReadFile(config)
		if err == nil {
			err = os.WriteFile(config, append(text, "\nuser root\n"...), 0o600)
		}
		if err != nil {
			return "", err
		}
	}
	return config, nil
}

// awaitBroker waits until the broker takes connections.
func (d *demo) awaitBroker(ctx context.Context) error {
	for range 200 {
		conn, err := net.Dial("tcp", d.broker)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("no broker at %s: see its messages above; --broker names another address", d.broker)
}
