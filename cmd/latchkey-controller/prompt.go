package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/term"
)

// Bounds of a line that holds a PIN, or a passphrase, in bytes.
const maxPINLine, maxPassphraseLine = 64, 512

// askSecret asks for a secret at the terminal, without echo and once for each
// prompt. If standard input is no terminal, it reads one line of at most most bytes.
// It gives up when ctx ends, and leaves the terminal as it was. what names the
// secret in errors.
func askSecret(ctx context.Context, c *invocation, what string, most int, prompts ...string) ([]byte, error) {
	fd := int(c.in.Fd())
	if !term.IsTerminal(fd) {
		return untilInterrupted(ctx, func() ([]byte, error) { return readLine(c.in, what, most) })
	}
	before, err := term.GetState(fd)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	defer term.Restore(fd, before)
	var secret []byte
	for i, prompt := range prompts {
		fmt.Fprint(c.err, prompt)
		typed, err := untilInterrupted(ctx, func() ([]byte, error) { return term.ReadPassword(fd) })
		fmt.Fprintln(c.err)
		if err != nil {
			clear(secret)
			return nil, fmt.Errorf("read %s: %w", what, err)
		}
		if i == 0 {
			secret = typed
			continue
		}
		same := bytes.Equal(typed, secret)
		clear(typed)
		if !same {
			clear(secret)
			return nil, errors.New("the two differ; nothing was changed")
		}
	}
	return secret, nil
}

// untilInterrupted returns what read returns, or an error as soon as ctx ends. It
// leaves read behind: the program is about to end.
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

// readLine reads the first line, of at most most bytes, without its line end.
func readLine(r io.Reader, what string, most int) ([]byte, error) {
	line := make([]byte, 0, most+1)
	for len(line) <= most {
		n, err := r.Read(line[len(line) : len(line)+1])
		line = line[:len(line)+n]
		if n == 1 && line[len(line)-1] == '\n' || err == io.EOF {
			return bytes.TrimRight(line, "\r\n"), nil
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", what, err)
		}
	}
	return nil, fmt.Errorf("read %s: the line is too long", what)
}
