package main

import (
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The packages' own tests build three architectures and install into a Debian
// of their own, as root: minutes the first time. make package-test runs them.
var packages = flag.Bool("packages", false, "build, compare, inspect, install, upgrade, remove and purge the packages")

func TestPackages(t *testing.T) {
	if !*packages {
		t.Skip("without -packages")
	}
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	older, newer := t.TempDir(), t.TempDir()
	build(t, root, older, "1.0.0", "1700000000", "amd64,arm64,armhf")
	t.Run("two builds are equal to the byte, from wherever and whenever", func(t *testing.T) {
		elsewhere, again := filepath.Join(t.TempDir(), "else where"), t.TempDir()
		copyModule(t, root, elsewhere)
		build(t, elsewhere, again, "1.0.0", "1700000000", "amd64,arm64,armhf")
		first, second := packagesIn(t, older), packagesIn(t, again)
		if len(first) != 6 || len(second) != 6 {
			t.Fatalf("%d packages, then %d, not 6", len(first), len(second))
		}
		for name, b := range first {
			if b != second[name] {
				t.Errorf("%s differs", name)
			}
		}
	})
	for name := range packagesIn(t, older) {
		t.Run(name, func(t *testing.T) { inspect(t, filepath.Join(older, name)) })
	}
	build(t, root, newer, "1.0.1", "1700003600", "amd64")
	t.Run("data survives all but a purge", func(t *testing.T) { installUpgradeRemovePurge(t, older, newer) })
	t.Run("the services work under systemd", func(t *testing.T) { runServices(t, root, older, newer) })
}

// build runs the packager as make does.
func build(t *testing.T, root, out, version, built, arch string) {
	t.Helper()
	if _, err := output(root, nil, "go", "run", "./cmd/latchkeyd/package", "-out", out, "-version", version, "-built", built, "-arch", arch); err != nil {
		t.Fatal(err)
	}
}

// copyModule copies what git knows of, or would.
func copyModule(t *testing.T, from, to string) {
	t.Helper()
	out, err := output(from, nil, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		b, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			continue // removed, and git has not been told yet
		}
		path := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func packagesIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, path := range found {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(path)] = string(b)
	}
	return all
}

// contents is all that a package may contain, besides the directories that
// lead there.
var contents = map[string][]string{
	"latchkeyd": {
		"etc/latchkey/latchkeyd.toml", "usr/bin/latchkeyd",
		"usr/lib/systemd/system/latchkeyd.service", "usr/lib/udev/rules.d/99-latchkeyd.rules",
		"usr/share/doc/latchkeyd/README.md", "usr/share/doc/latchkeyd/WIRING.md",
		"usr/share/doc/latchkeyd/copyright", "usr/share/doc/latchkeyd/sbom.cdx.json",
	},
	"latchkey-controller": {
		"etc/latchkey/latchkey-controller.conf", "usr/bin/latchkey-controller",
		"usr/lib/systemd/system/latchkey-controller.service",
		"usr/share/doc/latchkey-controller/README.md",
		"usr/share/doc/latchkey-controller/copyright", "usr/share/doc/latchkey-controller/sbom.cdx.json",
	},
}

// privateKey is a key in PEM, not only the words that programs look for.
var privateKey = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{16}`)

// inspect looks into a package that need not run here.
func inspect(t *testing.T, path string) {
	field := strings.Split(strings.TrimSuffix(filepath.Base(path), ".deb"), "_")
	name, arch := field[0], field[2]
	dir := t.TempDir()
	if _, err := output("", nil, "dpkg-deb", "--extract", path, dir); err != nil {
		t.Fatal(err)
	}
	control, err := output("", nil, "dpkg-deb", "--field", path, "Package", "Version", "Architecture")
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("Package: %s\nVersion: 1.0.0\nArchitecture: %s\n", name, arch); string(control) != want {
		t.Errorf("control says %q, not %q", control, want)
	}
	listing, err := output("", nil, "dpkg-deb", "--contents", path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(listing)) {
		if !regexp.MustCompile(`^(drwxr-xr-x|-rw-r--r--|-rwxr-xr-x) root/root +\d+ 2023-11-14 22:13 `).MatchString(line) {
			t.Errorf("mode, owner or time of %s", line)
		}
	}

	var files []string
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files = append(files, strings.TrimPrefix(path, dir+"/"))
		b, err := os.ReadFile(path)
		if privateKey.Match(b) {
			t.Errorf("%s contains a private key", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	if !slices.Equal(files, contents[name]) {
		t.Errorf("contains %q, not %q", files, contents[name])
	}

	program := filepath.Join(dir, "usr/bin", name)
	binary, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer binary.Close()
	if want := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "armhf": elf.EM_ARM}[arch]; binary.Machine != want {
		t.Errorf("is for %v, not %v", binary.Machine, want)
	}
	for _, segment := range binary.Progs {
		if segment.Type == elf.PT_INTERP || segment.Type == elf.PT_DYNAMIC {
			t.Errorf("is not static: %v", segment.Type)
		}
	}
	billOfMaterials(t, program, filepath.Join(dir, "usr/share/doc", name, "sbom.cdx.json"))
}

// billOfMaterials compares a bill with the program that it came with.
func billOfMaterials(t *testing.T, program, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var bill bom
	if err := json.Unmarshal(b, &bill); err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := output("", nil, "sha256sum", program)
	if err != nil {
		t.Fatal(err)
	}
	if hashes := bill.Metadata.Component.Hashes; len(hashes) != 1 || !strings.HasPrefix(string(sum), hashes[0].Content) {
		t.Errorf("is of a program with %v, and this one has %s", hashes, sum)
	}
	var missing, listed []string
	for _, c := range bill.Components {
		listed = append(listed, c.PURL)
		if len(c.Licenses) != 1 || c.Licenses[0].License.ID == "" {
			t.Errorf("%s has no licence", c.Name)
		}
	}
	for _, module := range info.Deps {
		if purl := fmt.Sprintf("pkg:golang/%s@%s", module.Path, module.Version); !slices.Contains(listed, purl) {
			missing = append(missing, purl)
		}
	}
	if std := "pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go"); !slices.ContainsFunc(listed, func(purl string) bool { return purl != "" && strings.HasPrefix(std, purl) }) {
		missing = append(missing, std)
	}
	if missing != nil || len(info.Deps) < 5 {
		t.Errorf("of %d modules the bill lacks %q", len(info.Deps), missing)
	}
}

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
		if _, err := output("", nil, "debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv,udev", "bookworm", half, "http://deb.debian.org/debian"); err != nil {
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
		"--door", "Front door", "--request", "/tmp/request", "--out", "/var/lib/latchkey-controller/bundle"}, more...)...)
	c.do("install", "-o", "latchkey", "/var/lib/latchkey-controller/bundle", "/tmp/bundle")
	c.as("latchkey", "latchkeyd", "adopt", "--data", "/var/lib/latchkey", "/tmp/bundle")
}

// data is a digest of names, owners, modes and contents of what both keep.
func (c *chroot) data() string {
	c.t.Helper()
	return c.do("sh", "-c", "find /var/lib/latchkey /var/lib/latchkey-controller ! -name '*-shm' ! -name '*-wal' -printf '%p %u %g %m %l\\n' | sort; find /var/lib/latchkey* -type f ! -name '*-shm' ! -name '*-wal' | sort | xargs sha256sum")
}

func installUpgradeRemovePurge(t *testing.T, older, newer string) {
	c := newChroot(t)
	said := c.install(older, "latchkeyd", "latchkey-controller")
	if !strings.Contains(said, "latchkeyd is not started yet") {
		t.Errorf("the first installation says %s", said)
	}
	for dir, user := range map[string]string{"/var/lib/latchkey": "latchkey", "/var/lib/latchkey-controller": "latchkey-controller"} {
		if got := strings.TrimSpace(c.do("stat", "-c", "%U %G %a", dir)); got != user+" "+user+" 700" {
			t.Errorf("%s: %s", dir, got)
		}
	}
	if _, err := c.try("test", "-e", "/etc/systemd/system/multi-user.target.wants/latchkeyd.service"); err == nil {
		t.Error("the reader is enabled before anybody has said what is wired")
	}

	// The first use, as the README says it.
	if out, err := c.try("runuser", "-u", "latchkey", "--", "latchkeyd", "check", "--config", "/etc/latchkey/latchkeyd.toml"); err == nil || !strings.Contains(out, "board.lines.strike: ") || strings.Contains(out, "config: ") {
		t.Errorf("check, where nothing is wired: %v: %s", err, out)
	}
	c.found()
	c.adopt()
	c.do("sh", "-c", "echo '# wired by Ada' >> /etc/latchkey/latchkeyd.toml")
	before := c.data()
	if !strings.Contains(before, "/var/lib/latchkey/epoch-") || !strings.Contains(before, "/var/lib/latchkey-controller/site.db") {
		t.Fatalf("nothing is kept: %s", before)
	}
	same := func(after string) {
		t.Helper()
		if now := c.data(); now != before {
			t.Errorf("after %s the data is not what it was:\n%s\n%s", after, before, now)
		}
		if config := c.do("cat", "/etc/latchkey/latchkeyd.toml"); !strings.HasSuffix(config, "# wired by Ada\n") {
			t.Errorf("after %s the config is %s", after, config)
		}
	}

	c.install(newer, "latchkeyd", "latchkey-controller")
	same("an upgrade")
	for _, program := range []string{"latchkeyd", "latchkey-controller"} {
		if got := c.do(program, "version"); got != program+" 1.0.1\n" {
			t.Errorf("after the upgrade %s is %s", program, got)
		}
	}
	c.do("dpkg", "--remove", "latchkeyd", "latchkey-controller")
	if _, err := c.try("test", "-e", "/usr/bin/latchkeyd"); err == nil {
		t.Error("removed, and the program is still there")
	}
	same("a removal")
	c.install(newer, "latchkeyd", "latchkey-controller")
	same("a new installation")
	c.as("latchkey-controller", "latchkey-controller", "check", "--dir", "/var/lib/latchkey-controller")

	c.do("dpkg", "--purge", "latchkeyd", "latchkey-controller")
	if left := c.do("find", "/", "-xdev", "-path", "/tmp", "-prune", "-o", "-path", "/proc", "-prune", "-o", "-iname", "*latchkey*", "-print"); left != "" {
		t.Errorf("after a purge there is left\n%s", left)
	}
	if users := c.do("sh", "-c", "cat /etc/passwd /etc/group /etc/shadow"); strings.Contains(users, "latchkey") {
		t.Errorf("after a purge there is left\n%s", users)
	}
}
