package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// debian makes a Debian that tests may spoil. The one that it is copied from
// is kept in the user's cache directory.
func debian(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("only root can install a Debian")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(cache, "latchkey-package", "bookworm-systemd")
	if _, err := os.Stat(kept); err != nil {
		half := kept + ".new"
		if err := os.RemoveAll(half); err != nil {
			t.Fatal(err)
		}
		if _, err := output("", nil, "debootstrap", "--force-check-gpg", "--variant=minbase", "--include=systemd,systemd-sysv,udev", "bookworm", half, "http://deb.debian.org/debian"); err != nil {
			t.Fatalf("%v: make setup installs debootstrap", err)
		}
		if err := os.Rename(half, kept); err != nil {
			t.Fatal(err)
		}
	}
	root := filepath.Join(t.TempDir(), "debian")
	if _, err := output("", nil, "cp", "-a", kept, root); err != nil {
		t.Fatal(err)
	}
	return root
}

// chroot is a Debian that a test may spoil.
type chroot struct {
	t     *testing.T
	root  string
	enter []string // the command that runs others in it
}

// newChroot returns one in which no systemd runs.
func newChroot(t *testing.T) *chroot {
	t.Helper()
	root := debian(t)
	return &chroot{t, root, []string{"chroot", root}}
}

// try runs a program inside and returns what it said.
func (c *chroot) try(args ...string) (string, error) {
	args = append(slices.Clone(c.enter), args...)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (c *chroot) do(args ...string) string {
	c.t.Helper()
	out, err := c.try(args...)
	if err != nil {
		log, _ := c.try("journalctl", "--no-pager", "--lines=30")
		c.t.Fatalf("%s: %v\n%s\n%s", strings.Join(args, " "), err, out, log)
	}
	return out
}

// as runs a program inside as one of the services' users.
func (c *chroot) as(user string, args ...string) string {
	c.t.Helper()
	return c.do(append([]string{"runuser", "-u", user, "--"}, args...)...)
}

// install installs packages that lie in a directory.
func (c *chroot) install(dir string, products ...string) string {
	c.t.Helper()
	args := []string{"dpkg", "--install"}
	for name, b := range packagesIn(c.t, dir) {
		product, _, _ := strings.Cut(name, "_")
		if strings.HasSuffix(name, "_amd64.deb") && slices.Contains(products, product) {
			if err := os.WriteFile(filepath.Join(c.root, "tmp", name), []byte(b), 0o644); err != nil {
				c.t.Fatal(err)
			}
			args = append(args, "/tmp/"+name)
		}
	}
	return c.do(args...)
}

// found makes a site with a PIN and a card, as the README says it.
func (c *chroot) found() {
	c.t.Helper()
	c.as("latchkey-controller", "latchkey-controller", "init", "--dir", "/var/lib/latchkey-controller", "--site", "home")
	c.as("latchkey-controller", "latchkey-controller", "user", "add", "--dir", "/var/lib/latchkey-controller", "--name", "Ada Lovelace", "--pin", "auto", "--card", adaUID)
}

const adaUID = "04a1b2c3d4e580"

// adopt has the site adopt the reader.
func (c *chroot) adopt(more ...string) {
	c.t.Helper()
	c.as("latchkey", "latchkeyd", "identity", "--data", "/var/lib/latchkey", "--out", "/var/lib/latchkey/request")
	c.do("install", "-o", "latchkey-controller", "/var/lib/latchkey/request", "/tmp/request")
	c.as("latchkey-controller", append([]string{"latchkey-controller", "reader", "add", "--dir", "/var/lib/latchkey-controller", "--reader", "front-door",
		"--door", "Front door", "--group", "everyone", "--request", "/tmp/request", "--out", "/var/lib/latchkey-controller/bundle"}, more...)...)
	c.do("install", "-o", "latchkey", "/var/lib/latchkey-controller/bundle", "/tmp/bundle")
	c.as("latchkey", "latchkeyd", "adopt", "--data", "/var/lib/latchkey", "/tmp/bundle")
}

// data is a digest of names, owners, modes and contents of what both keep.
func (c *chroot) data() string {
	c.t.Helper()
	return c.do("sh", "-c", "find /var/lib/latchkey /var/lib/latchkey-controller ! -name '*-shm' ! -name '*-wal' -printf '%p %u %g %m %l\\n' | sort; find /var/lib/latchkey* -type f ! -name '*-shm' ! -name '*-wal' | sort | xargs sha256sum")
}
