// Command latchkey-demo sets up and starts a demonstration: a site, one
// simulated reader that belongs to it, a user with a PIN and a user with a
// card. It does nothing that a person could not do with latchkey-controller
// and latchkeyd by hand, and says what it does.
//
// Everything is kept below one directory, the PIN and the card's UID too, so
// that the same ones open the door the next time.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	bin := flag.String("bin", "bin", "`directory` of latchkeyd and latchkey-controller")
	dir := flag.String("dir", "var", "`directory` that keeps the demonstration")
	listen := flag.String("listen", "127.0.0.1:8081", "`address` of the simulated board's page")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, demo{*bin, *dir, *listen}); err != nil {
		fmt.Fprintln(os.Stderr, "latchkey-demo:", err)
		os.Exit(1)
	}
}

// demo is where things are.
type demo struct{ bin, dir, listen string }

// facts is what a newcomer needs to open the door; kept in facts.json.
type facts struct {
	PIN string `json:"pin"`
	UID string `json:"uid"`
}

func run(ctx context.Context, d demo) error {
	known, err := d.setUp(ctx)
	if err != nil {
		return err
	}
	fmt.Printf(`
  The reader's page   http://%s/
  Ada's PIN           %s
  Bob's card          %s

  Tap PIN on the page and type Ada's PIN, or click Bob's card. Ctrl-C stops.

`, d.listen, known.PIN, known.UID)
	daemon := d.command(ctx, "latchkeyd", "run", "--config", d.path("reader", "latchkeyd.toml"))
	daemon.Stdout, daemon.Stderr = os.Stdout, os.Stderr
	if err := daemon.Run(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("latchkeyd: %w", err)
	}
	return nil
}

// setUp makes what is missing. facts.json is written last: a set-up that was
// cut short is begun anew.
func (d demo) setUp(ctx context.Context) (*facts, error) {
	if b, err := os.ReadFile(d.path("facts.json")); err == nil {
		var known facts
		return &known, json.Unmarshal(b, &known)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, part := range []string{"site", "reader"} {
		if err := os.RemoveAll(d.path(part)); err != nil {
			return nil, err
		}
	}
	reader := d.path("reader")
	if err := os.MkdirAll(reader, 0o700); err != nil {
		return nil, err
	}
	uid := make([]byte, 7)
	rand.Read(uid)
	uid[0] = 0x04 // NXP, the maker of most cards
	known := &facts{UID: hex.EncodeToString(uid)}

	site := []string{"--dir", d.path("site")}
	if err := d.do(ctx, nil, "latchkey-controller", append([]string{"init", "--site", "demo"}, site...)...); err != nil {
		return nil, err
	}
	if err := d.do(ctx, known, "latchkey-controller", append([]string{"user", "add", "--name", "Ada Lovelace", "--pin", "auto", "--json"}, site...)...); err != nil {
		return nil, err
	}
	if err := d.do(ctx, nil, "latchkey-controller", append([]string{"user", "add", "--name", "Bob Martin", "--card", known.UID}, site...)...); err != nil {
		return nil, err
	}
	if err := d.do(ctx, nil, "latchkeyd", "identity", "--data", filepath.Join(reader, "data"), "--out", filepath.Join(reader, "request")); err != nil {
		return nil, err
	}
	if err := d.do(ctx, nil, "latchkey-controller", append([]string{"reader", "add", "--reader", "front-door", "--door", "Front door", "--place", "Main building",
		"--request", filepath.Join(reader, "request"), "--out", filepath.Join(reader, "bundle")}, site...)...); err != nil {
		return nil, err
	}
	if err := d.do(ctx, nil, "latchkeyd", "adopt", "--data", filepath.Join(reader, "data"), filepath.Join(reader, "bundle")); err != nil {
		return nil, err
	}
	config := fmt.Sprintf(`[reader]
id = "front-door"
data = "data"

[board]
kind = "sim"

[board.sim]
listen = %q
cards = [
  { name = "Bob Martin", uid = %q },
  { name = "A stranger", uid = "04deadbeef0180" },
]
`, d.listen, known.UID)
	if err := os.WriteFile(filepath.Join(reader, "latchkeyd.toml"), []byte(config), 0o600); err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(known, "", "  ")
	if err != nil {
		return nil, err
	}
	return known, os.WriteFile(d.path("facts.json"), b, 0o600)
}

func (d demo) path(elem ...string) string {
	return filepath.Join(append([]string{d.dir}, elem...)...)
}

// command is one of the two programs, ended gently when ctx ends.
func (d demo) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(d.bin, program), args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// do runs a program to its end and reads what it prints, JSON, into out unless
// that is nil.
func (d demo) do(ctx context.Context, out any, program string, args ...string) error {
	fmt.Printf("  %s", program)
	for _, arg := range args {
		fmt.Printf(" %s", arg)
	}
	fmt.Println()
	cmd := d.command(ctx, program, args...)
	cmd.Stderr = os.Stderr
	printed, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s %s: %w", program, args[0], err)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(printed, out)
}
