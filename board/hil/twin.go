package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"image"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// twin is the same program as the reader with the same door, on this machine's
// simulated board. It says where keys lie and what a screen looks like.
type twin struct {
	cmd    *exec.Cmd
	page   *chips
	layout map[string]key // by the names of their controls
	home   *image.RGBA    // the home screen
}

// newTwin adopts and starts a twin, and waits for its page.
func newTwin(shared *shared) (*twin, error) {
	s, err := newSite(shared.ctx, shared.built, filepath.Join(shared.dir, "twin"))
	if err != nil {
		return nil, err
	}
	data, request, bundle, config := s.path("twin"), s.path("twin.request"), s.path("twin.bundle"), s.path("twin.toml")
	if err := s.command("", s.built.twin, "identity", "--data", data, "--out", request); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(request)
	if err != nil {
		return nil, err
	}
	if _, err := s.bundle("twin", b); err != nil {
		return nil, err
	}
	if err := s.command("", s.built.twin, "adopt", "--data", data, bundle); err != nil {
		return nil, err
	}
	text := fmt.Sprintf("[reader]\nid = \"twin\"\ndata = %q\n\n[board]\nkind = \"sim\"\n\n[board.sim]\nlisten = \"127.0.0.1:0\"\n", data)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(shared.ctx, s.built.twin, "run", "--config", config)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	t := &twin{cmd: cmd, layout: map[string]key{}}
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
			t.close()
			return nil, errors.New("it ended")
		}
		t.page = &chips{newCaller(shared.ctx, func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", at)
		})}
		return t, nil
	case <-time.After(time.Minute):
		t.close()
		return nil, errors.New("it does not say where its page is")
	}
}

// close ends the twin, if there is one.
func (t *twin) close() {
	if t != nil {
		t.cmd.Process.Kill()
		t.cmd.Wait()
	}
}
