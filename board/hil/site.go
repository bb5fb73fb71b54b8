package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Who may open the bench's door.
const (
	adaPIN      = "40718263"
	wrongPIN    = "73920516"
	bobUID      = "04a1b2c3d4e580"
	strangerUID = "04deadbeef0180"

	unlockSeconds = "3" // at a time
)

// site is a customer's site, kept by the real controller on this machine.
type site struct {
	ctx   context.Context
	built *programs
	dir   string

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
	args := append([]string{"reader", "add", "--reader", id, "--door", "Front door", "--place", "Main building", "--group", "everyone", "--request", in, "--out", out}, more...)
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

// close ends all that runs for the site.
func (s *site) close() {
	for _, cmd := range []*exec.Cmd{s.serve, s.broker} {
		if cmd != nil && cmd.Process != nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
	}
}
