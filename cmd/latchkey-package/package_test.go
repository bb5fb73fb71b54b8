package main

import (
	"flag"
	"os"
	"path/filepath"
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
		if len(first) != 5 || len(second) != 5 { // no controller for armhf
			t.Fatalf("%d packages, then %d, not 5", len(first), len(second))
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
	if _, err := output(root, nil, "go", "run", "./cmd/latchkey-package", "-out", out, "-version", version, "-built", built, "-arch", arch); err != nil {
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
