package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// theSecond is the directory of the second reader, which no site has adopted at first.
const theSecond = "reader-2"

// makeSecond writes the config of the second reader, which hands itself over to the controller until that has adopted
// it. The config names no reader: the site chooses its id.
func (d *demo) makeSecond(known *facts) error {
	if err := os.MkdirAll(d.path(theSecond), 0o700); err != nil {
		return err
	}
	return writeConfig(d.path(theSecond), fmt.Sprintf("[adoption]\ncontroller = %q\n\n[reader]\n", d.adoption), d.second, known)
}

// adopted says whether a site has adopted the second reader.
func (d *demo) adopted() bool {
	_, err := os.Stat(d.path(theSecond, "data", "site.cbor"))
	return err == nil
}

// aboutSecond is what is printed of the second reader.
func (d *demo) aboutSecond() string {
	if d.adopted() {
		return "which was adopted"
	}
	return "which no site has adopted yet: it waits in the console"
}

// admitSecond has the broker know the second reader as soon as it is adopted: until then the broker tells it of changes
// every 30 s only.
func (d *demo) admitSecond(ctx context.Context, broker *exec.Cmd) error {
	if broker == nil || d.adopted() {
		return nil
	}
	for !d.adopted() {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
	if _, err := d.mosquittoConfig(ctx, d.path("site"), d.broker, d.path("broker")); err != nil {
		return err
	}
	fmt.Println(" ", shell("kill", "-HUP", fmt.Sprint(broker.Process.Pid)))
	_ = broker.Process.Signal(syscall.SIGHUP) // it may have been stopped meanwhile, which is allowed
	return nil
}
