// Package swtpm runs swtpm, a TPM 2.0 in software, for tests. Its state is a file, so it
// protects nothing.
package swtpm

import (
	"fmt"
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

// New starts a chip from the factory, without a certificate of its endorsement key. It ends
// with the test.
func New(t testing.TB) *Chip { return start(t, func(string) {}) }

func start(t testing.TB, manufacture func(dir string)) *Chip {
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
	manufacture(dir)
	c.Power("startup-clear")
	return c
}

// A Maker certifies the endorsement keys of its chips.
type Maker struct {
	t   testing.TB
	dir string
}

// NewMaker returns a maker.
func NewMaker(t testing.TB) *Maker {
	t.Helper()
	return &Maker{t, t.TempDir()}
}

// New makes a chip and starts it, as New does.
func (m *Maker) New() *Chip {
	m.t.Helper()
	return start(m.t, func(state string) {
		if err := Manufacture(state, m.dir); err != nil {
			m.t.Fatal(err)
		}
	})
}

// Authority returns the path of the certificate of the authority that signs the chips', PEM.
// It is there with the first chip.
func (m *Maker) Authority() string { return Authority(m.dir) }

// Manufacture makes a chip with a certificate of its endorsement key, which swtpm then runs on
// its state's directory. swtpm_setup and swtpm_localca follow TCG's EK Credential Profile; the
// keys are RSA-2048 and ECDSA P-384. The maker's own keys are in its directory.
func Manufacture(state, maker string) error {
	path := func(name string) string { return filepath.Join(maker, name) }
	for name, text := range map[string]string{
		"setup.conf":   "create_certs_tool = /usr/bin/swtpm_localca\ncreate_certs_tool_config = " + path("localca.conf") + "\ncreate_certs_tool_options = " + path("options") + "\n",
		"localca.conf": "statedir = " + maker + "\nsigningkey = " + path("key.pem") + "\nissuercert = " + Authority(maker) + "\ncertserial = " + path("serial") + "\n",
		"options":      "",
	} {
		if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	setup := exec.Command("swtpm_setup", "--tpm2", "--create-ek-cert", "--tpmstate", state, "--config", path("setup.conf"), "--runas", fmt.Sprint(os.Getuid()))
	if out, err := setup.CombinedOutput(); err != nil {
		return fmt.Errorf("swtpm_setup, of Debian's swtpm-tools: %w\n%s", err, out)
	}
	return nil
}

// Authority returns the path of the certificate, PEM, of a maker's authority.
func Authority(maker string) string { return filepath.Join(maker, "issuer.pem") }

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
