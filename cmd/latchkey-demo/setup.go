package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode"
)

// facts is what opens the door, and the broker's address; kept in facts.json.
type facts struct {
	PIN    string `json:"pin"`
	UID    string `json:"uid"`
	Token  string `json:"token"`
	Broker string `json:"broker"`
}

// setUp makes the site and the reader unless facts.json, which is written last,
// says that they are complete.
func (d *demo) setUp(ctx context.Context) (*facts, error) {
	known, err := d.known()
	if err != nil {
		return nil, err
	}
	if known.Broker != "" {
		if known.Token != "" {
			return known, nil
		}
		if err := d.makeToken(ctx, known); err != nil { // it was set up by an older version
			return nil, err
		}
		return known, d.keep(known)
	}
	for _, dir := range []string{"site", "reader", theSecond, "broker"} {
		if err := os.RemoveAll(d.path(dir)); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(d.path("reader"), 0o700); err != nil {
		return nil, err
	}
	uid := make([]byte, 7)
	rand.Read(uid)
	uid[0] = 0x04 // NXP, the maker of most cards
	known = &facts{UID: hex.EncodeToString(uid), Broker: d.broker}
	if err := d.makeSite(ctx, known); err != nil {
		return nil, err
	}
	if err := d.makeReader(ctx, known); err != nil {
		return nil, err
	}
	if err := d.makeToken(ctx, known); err != nil {
		return nil, err
	}
	return known, d.keep(known)
}

// known reads facts.json; Broker is empty if the demonstration is not set up yet.
func (d *demo) known() (*facts, error) {
	known := new(facts)
	b, err := os.ReadFile(d.path("facts.json"))
	if err == nil {
		err = json.Unmarshal(b, known)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return known, err
}

// keep writes facts.json.
func (d *demo) keep(known *facts) error {
	b, err := json.MarshalIndent(known, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(d.path("facts.json"), b, 0o600)
}

// makeToken makes a token for a program.
func (d *demo) makeToken(ctx context.Context, known *facts) error {
	return d.do(ctx, known, "latchkey-controller", "token", "make", "--dir", d.path("site"), "--json", "--days", "1830",
		"--scope", "read", "--scope", "activity", "--scope", "operate", "--scope", "manage", "A program")
}

// makeSite makes the site and its two users.
func (d *demo) makeSite(ctx context.Context, known *facts) error {
	dir := d.path("site")
	if err := d.do(ctx, nil, "latchkey-controller", "init", "--site", "demo", "--dir", dir); err != nil {
		return err
	}
	return d.makeUsers(ctx, known, dir)
}

// makeUsers adds two users to the site in a directory.
func (d *demo) makeUsers(ctx context.Context, known *facts, dir string) error {
	if err := d.do(ctx, known, "latchkey-controller", "user", "add", "--name", "Ada Lovelace", "--pin", "auto", "--json", "--dir", dir); err != nil {
		return err
	}
	return d.do(ctx, nil, "latchkey-controller", "user", "add", "--name", "Bob Martin", "--card", known.UID, "--dir", dir)
}

// makeReader makes the only reader of a demonstration.
func (d *demo) makeReader(ctx context.Context, known *facts) error {
	return d.makeReaderOf(ctx, known, d.path("site"), aReader{id: "front-door", door: "Front door", dir: d.path("reader"), listen: d.listen, brokers: []string{known.Broker}})
}

// aReader is a simulated reader: its identifier and door, its directory, the address of its board's page, and those of
// the brokers it tries, in order.
type aReader struct {
	id, door, dir, listen string
	brokers               []string
}

// makeReaderOf makes a reader's keys, has the site in a directory adopt it, and writes its config.
func (d *demo) makeReaderOf(ctx context.Context, known *facts, site string, r aReader) error {
	data, request, bundle := filepath.Join(r.dir, "data"), filepath.Join(r.dir, "request"), filepath.Join(r.dir, "bundle")
	if err := d.do(ctx, nil, "latchkeyd", "identity", "--data", data, "--out", request); err != nil {
		return err
	}
	add := []string{"reader", "add", "--dir", site, "--reader", r.id, "--door", r.door, "--place", "Main building", "--group", "everyone"}
	for _, broker := range r.brokers {
		add = append(add, "--broker", "ssl://"+broker)
	}
	if err := d.do(ctx, nil, "latchkey-controller", append(add, "--request", request, "--out", bundle)...); err != nil {
		return err
	}
	if err := d.do(ctx, nil, "latchkeyd", "adopt", "--data", data, bundle); err != nil {
		return err
	}
	return writeConfig(r.dir, fmt.Sprintf("[reader]\nid = %q\n", r.id), r.listen, known)
}

// writeConfig writes the config of a simulated reader: what it is told of itself, and its board, which has a page at an
// address and cards to hold to it.
func writeConfig(dir, itself, listen string, known *facts) error {
	config := itself + fmt.Sprintf(`data = "data"

[board]
kind = "sim"

[board.sim]
listen = %q
drawer = "cards.json" # keeps the cards with a chip, and their keys
cards = [
  { name = "Bob Martin", uid = %q },
  { name = "A stranger", uid = "04deadbeef0180" },
]
`, listen, known.UID)
	return os.WriteFile(filepath.Join(dir, "latchkeyd.toml"), []byte(config), 0o600)
}

func (d *demo) path(elem ...string) string {
	return filepath.Join(append([]string{d.dir}, elem...)...)
}

// command is a program that gets SIGTERM when ctx ends; one without a directory
// is one of ours.
func (d *demo) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	if filepath.Base(program) == program {
		program = filepath.Join(d.bin, program)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches us alone, who end them in order
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// shell returns words as they are written in a POSIX shell.
func shell(words ...string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = word
		if word == "" || strings.ContainsFunc(word, func(r rune) bool {
			return !strings.ContainsRune("%+,-./:=@_", r) && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r))
		}) {
			quoted[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

// do runs a program to its end and reads what it prints, JSON, into out unless
// that is nil.
func (d *demo) do(ctx context.Context, out any, program string, args ...string) error {
	fmt.Println(" ", shell(append([]string{program}, args...)...))
	cmd := d.command(ctx, program, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	printed, err := cmd.Output()
	if ctx.Err() != nil { // its messages would only be about that
		return ctx.Err()
	}
	os.Stderr.Write(stderr.Bytes())
	if err != nil {
		return fmt.Errorf("%s %s: %w", program, args[0], err)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(printed, out)
}
