// Package swtpm runs swtpm, a TPM 2.0 in software, for tests. Its state is a file, so it
// protects nothing.
package swtpm

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A Chip is a TPM with its power.
type Chip struct {
	Path string // of the Unix socket at which it answers one client at a time

	t   testing.TB
	dir string
	cmd *exec.Cmd // nil: no power
}

// New starts a chip from the factory. It ends with the test.
func New(t testing.TB) *Chip {
	t.Helper()
	dir, err := os.MkdirTemp("", "swtpm") // t.TempDir() can be longer than a socket's path may be
	if err != nil {
		t.Fatal(err)
	}
	c := &Chip{Path: filepath.Join(dir, "s"), t: t, dir: dir}
	t.Cleanup(func() {
		c.Cut()
		os.RemoveAll(dir)
	})
	c.Power("startup-clear")
	return c
}

// Power starts the chip after Cut; with startup-clear as TPM2_Startup(CLEAR) by its
// firmware, with "" as a chip that waits for that command.
func (c *Chip) Power(startup string) {
	c.t.Helper()
	flags := "not-need-init"
	if startup != "" {
		flags += "," + startup
	}
	os.Remove(c.Path)
	c.cmd = exec.Command("swtpm", "socket", "--tpm2", "--tpmstate", "dir="+c.dir, "--server", "type=unixio,path="+c.Path, "--flags", flags)
	if err := c.cmd.Start(); err != nil {
		c.t.Fatalf("%v: make setup installs swtpm", err)
	}
	for range 3000 {
		if conn, err := net.Dial("unix", c.Path); err == nil {
			conn.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.t.Fatal("swtpm does not listen")
}

// Cut takes the power away: SIGKILL.
func (c *Chip) Cut() {
	if c.cmd != nil {
		c.cmd.Process.Kill()
		c.cmd.Wait()
		c.cmd = nil
	}
}
