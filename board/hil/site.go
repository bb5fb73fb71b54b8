package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Who may open the bench's door.
const (
	adaPIN      = "40718263"
	wrongPIN    = "73920516"
	bobUID      = "04a1b2c3d4e580"
	strangerUID = "04deadbeef0180"

	unlockSeconds = "3" // at a time
)

// site is a customer's site, kept by the real controller on this machine, and a
// twin of the reader: the same program with the same door, on the simulated
// board, which says where keys lie and what a screen looks like.
type site struct {
	ctx   context.Context
	built *programs
	dir   string
	twin  *exec.Cmd
	page  *chips // the twin's

	broker, serve *exec.Cmd // once the reader has a link
	log           log       // what they say
}

func newSite(ctx context.Context, built *programs, dir string) (*site, error) {
	s := &site{ctx: ctx, built: built, dir: dir}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	for _, step := range []struct {
		stdin string
		args  []string
	}{
		{"", []string{"init", "--site", "bench"}},
		{adaPIN + "\n", []string{"user", "add", "--name", "Ada Lovelace", "--pin", "-"}},
		{"", []string{"user", "add", "--name", "Bob Martin", "--card", bobUID}},
	} {
		if err := s.controller(step.stdin, step.args...); err != nil {
			return nil, err
		}
	}
	if err := s.startTwin(); err != nil {
		s.close()
		return nil, fmt.Errorf("the simulated twin: %w", err)
	}
	return s, nil
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

func (s *site) controller(stdin string, args ...string) error {
	return s.command(stdin, s.built.controller, append(args, "--dir", s.path("site"))...)
}

func (s *site) command(stdin, program string, args ...string) error {
	cmd := exec.CommandContext(s.ctx, program, args...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", filepath.Base(program), strings.Join(args, " "), err, out)
	}
	return nil
}

// bundle answers a reader's request.
func (s *site) bundle(id string, request []byte, more ...string) ([]byte, error) {
	in, out := s.path(id+".request"), s.path(id+".bundle")
	if err := os.WriteFile(in, request, 0o600); err != nil {
		return nil, err
	}
	args := append([]string{"reader", "add", "--reader", id, "--door", "Front door", "--place", "Main building", "--request", in, "--out", out}, more...)
	for _, args := range [][]string{
		args,
		{"policy", id, "set", "--unlock", unlockSeconds},
		args, // a bundle with that policy
	} {
		if err := s.controller("", args...); err != nil {
			return nil, err
		}
	}
	return os.ReadFile(out)
}

// startTwin adopts and starts the twin, and waits for its page.
func (s *site) startTwin() error {
	data, request, bundle, config := s.path("twin"), s.path("twin.request"), s.path("twin.bundle"), s.path("twin.toml")
	if err := s.command("", s.built.twin, "identity", "--data", data, "--out", request); err != nil {
		return err
	}
	b, err := os.ReadFile(request)
	if err != nil {
		return err
	}
	if _, err := s.bundle("twin", b); err != nil {
		return err
	}
	if err := s.command("", s.built.twin, "adopt", "--data", data, bundle); err != nil {
		return err
	}
	text := fmt.Sprintf("[reader]\nid = \"twin\"\ndata = %q\n\n[board]\nkind = \"sim\"\n\n[board.sim]\nlisten = \"127.0.0.1:0\"\n", data)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return err
	}
	s.twin = exec.CommandContext(s.ctx, s.built.twin, "run", "--config", config)
	stderr, err := s.twin.StderrPipe()
	if err != nil {
		return err
	}
	if err := s.twin.Start(); err != nil {
		return err
	}
	address := make(chan string, 1)
	go func() {
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if _, url, found := strings.Cut(lines.Text(), "page=http://"); found {
				address <- strings.TrimSuffix(strings.Fields(url)[0], "/")
			}
		}
		close(address)
	}()
	select {
	case at, ok := <-address:
		if !ok {
			return errors.New("it ended")
		}
		s.page = &chips{newCaller(s.ctx, func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", at)
		})}
		return nil
	case <-time.After(20 * time.Second):
		return errors.New("it does not say where its page is")
	}
}

// close ends all that runs for the site.
func (s *site) close() {
	for _, cmd := range []*exec.Cmd{s.serve, s.broker, s.twin} {
		if cmd != nil && cmd.Process != nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
	}
}
