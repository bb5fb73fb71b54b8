package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// programIn returns what makes the program's command lines about a site's directory.
func programIn(dir string) func(args ...string) *exec.Cmd {
	return func(args ...string) *exec.Cmd {
		cmd := exec.Command(os.Args[0], append(args, "--dir", dir)...)
		cmd.Env = append(os.Environ(), runAsProgram+"=1")
		return cmd
	}
}

// A webProcess serves a site with console and API.
type webProcess struct {
	*os.Process
	broker, console, api string // their addresses
	log                  strings.Builder
	ended                chan error // gets how it ended, and is closed
}

func serveWeb(t *testing.T, dir string) *webProcess {
	t.Helper()
	w := &webProcess{ended: make(chan error, 1)}
	cmd := programIn(dir)("serve", "--listen", "127.0.0.1:0", "--adoption", "off", "--console", "127.0.0.1:0", "--api", "127.0.0.1:0")
	cmd.Stderr = &w.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Process = cmd.Process
	defer killIfLate(cmd)()
	for lines := bufio.NewScanner(out); w.console == "" && lines.Scan(); {
		if _, at, is := strings.Cut(lines.Text(), "readers come to "); is {
			w.broker = "ssl://" + at
		}
		if at, is := strings.CutPrefix(lines.Text(), "api https://"); is {
			w.api = "https://" + strings.TrimSuffix(at, "/")
		}
		if at, is := strings.CutPrefix(lines.Text(), "first sign-in https://"); is {
			w.console, _, _ = strings.Cut("https://"+at, "/link/")
		}
	}
	go func() {
		io.Copy(io.Discard, out)
		w.ended <- cmd.Wait()
		close(w.ended)
	}()
	t.Cleanup(func() {
		w.Kill()
		for range w.ended {
		}
	})
	if w.broker == "" || w.console == "" || w.api == "" {
		t.Fatalf("%q %q %q", w.broker, w.console, w.api)
	}
	return w
}
