package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/term"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// digits are a PIN on its way to the person who is to know it.
type digits []byte

func (d digits) MarshalText() ([]byte, error) { return d, nil }

// maxLine bounds a line that holds a PIN.
const maxLine = 64

// askPIN asks for a PIN, twice and unseen, at a terminal; otherwise it reads a
// line. It gives up when ctx ends, and leaves the terminal as it was.
func askPIN(ctx context.Context, c console) ([]byte, error) {
	fd := int(c.in.Fd())
	if !term.IsTerminal(fd) {
		return untilInterrupted(ctx, func() ([]byte, error) { return readLine(c.in) })
	}
	before, err := term.GetState(fd)
	if err != nil {
		return nil, fmt.Errorf("read PIN: %w", err)
	}
	defer term.Restore(fd, before)
	ask := func(prompt string) ([]byte, error) {
		fmt.Fprint(c.err, prompt)
		defer fmt.Fprintln(c.err)
		return untilInterrupted(ctx, func() ([]byte, error) { return term.ReadPassword(fd) })
	}
	first, err := ask("PIN, 8 digits: ")
	if err != nil {
		return nil, fmt.Errorf("read PIN: %w", err)
	}
	second, err := ask("once more:     ")
	if err != nil {
		return nil, fmt.Errorf("read PIN: %w", err)
	}
	defer clear(second)
	if !bytes.Equal(first, second) {
		return nil, errors.New("the two differ; nothing was changed")
	}
	return first, nil
}

// untilInterrupted returns what read returns, or an error when ctx ends: then
// the program does, and read with it.
func untilInterrupted(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	type result struct {
		line []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		line, err := read()
		done <- result{line, err}
	}()
	select {
	case r := <-done:
		return r.line, r.err
	case <-ctx.Done():
		return nil, errors.New("interrupted; nothing was changed")
	}
}

// readLine reads the first line, without its end.
func readLine(r io.Reader) ([]byte, error) {
	line := make([]byte, 0, maxLine+1)
	for len(line) <= maxLine {
		n, err := r.Read(line[len(line) : len(line)+1])
		line = line[:len(line)+n]
		if n == 1 && line[len(line)-1] == '\n' || err == io.EOF {
			return bytes.TrimRight(line, "\r\n"), nil
		}
		if err != nil {
			return nil, fmt.Errorf("read PIN: %w", err)
		}
	}
	return nil, errors.New("read PIN: the line is too long")
}

func userPINCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "user pin", "USER set|generate|remove",
		"Changes a user's PIN: set asks for a new one, or reads it from standard input; generate makes one\nand shows it, this once; remove takes it away.")
	arguments, err := o.parse(args, 2)
	if err != nil {
		return err
	}
	var choice desk.PIN
	action := arguments[1]
	switch action {
	case "remove":
	case "set":
		choice.Choice = desk.Chosen
	case "generate":
		choice.Choice = desk.Auto
	default:
		// What stands there may be a PIN: it is not repeated.
		return usageError("latchkey-controller user pin: after USER comes set, generate or remove; a PIN is never an argument")
	}
	d, err := openCounter(ctx, o)
	if err != nil {
		return err
	}
	defer d.close()
	u, err := d.site.FindUser(ctx, arguments[0])
	if err != nil {
		return err
	}
	if action == "set" {
		if choice.Digits, err = askPIN(ctx, c); err != nil {
			return err
		}
		defer clear(choice.Digits)
	}
	chosen, err := d.SetPIN(ctx, d.actor, u.ID, choice)
	if err != nil {
		return err
	}
	return printUser(c, o, u.ID, u.Name, chosen)
}

// printUser shows who was changed, and the PIN if the site chose one.
func printUser(c console, o *options, id uint64, name string, chosen digits) error {
	defer clear(chosen)
	if o.json {
		return printJSON(c.out, struct {
			User uint64 `json:"user"`
			Name string `json:"name"`
			PIN  digits `json:"pin,omitempty"`
		}{id, name, chosen})
	}
	if _, err := fmt.Fprintf(c.out, "user  %d  %s\n", id, name); err != nil || chosen == nil {
		return err
	}
	_, err := fmt.Fprintf(c.out, "PIN   %s  (shown this once: it is kept nowhere)\n", []byte(chosen))
	return err
}
