package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// driverPackages are those that touch hardware; their tests are run on the
// machine's kernel.
var driverPackages = []string{"relay", "keypad/panel", "keypad/touch", "nfc", "nfc/pn532", "board"}

// A testBinary is one package's tests, built for one kind of board.
type testBinary struct{ pkg, arch string }

func (t testBinary) dir() string  { return filepath.Join("tests", t.pkg) }
func (t testBinary) file() string { return filepath.Join(t.dir(), t.arch+".test") }

func testBinaries() (all []testBinary) {
	for _, pkg := range driverPackages {
		for _, arch := range []string{"arm64", "arm"} {
			all = append(all, testBinary{pkg, arch})
		}
	}
	return all
}

// buildTools writes the file system that the machine has at /tools, read-only:
// the driver packages' tests, and libnfc's nfc-list with its libraries.
func (b *bench) buildTools(out string) error {
	root := filepath.Join(b.dir, "tools")
	for _, t := range testBinaries() {
		if err := os.MkdirAll(filepath.Join(root, t.dir()), 0o755); err != nil {
			return err
		}
		cmd := goCommand(b.ctx, t.arch, "test", "-c", "-trimpath", "-tags", "firmware", "-ldflags", "-s -w", "-o", filepath.Join(root, t.file()), "latchkey/"+t.pkg)
		if said, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build the tests of %s for %s: %w:\n%s", t.pkg, t.arch, err, said)
		}
		data := filepath.Join(t.pkg, "testdata")
		if _, err := os.Stat(data); err == nil && t.arch == "arm64" {
			if err := os.CopyFS(filepath.Join(root, t.dir(), "testdata"), os.DirFS(data)); err != nil {
				return err
			}
		}
	}
	for _, pattern := range []string{"usr/bin/nfc-list", "usr/lib/aarch64-linux-gnu/*.so*", "lib/aarch64-linux-gnu/*.so*"} {
		files, err := filepath.Glob(b.stock.path(pattern))
		if err != nil {
			return err
		}
		for _, file := range files {
			content, err := os.ReadFile(file) // follows links
			if err != nil {
				return err
			}
			if err := os.MkdirAll(filepath.Join(root, "nfc"), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(root, "nfc", filepath.Base(file)), content, 0o755); err != nil {
				return err
			}
		}
	}
	return makeDisk(b, out, 256<<20, "-d", root)
}

// makeDisk makes an ext4 file system in a file of that many bytes.
func makeDisk(b *bench, path string, size int64, more ...string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := f.Truncate(size); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if said, err := exec.CommandContext(b.ctx, mkfs(), append(append([]string{"-q", "-F"}, more...), path)...).CombinedOutput(); err != nil {
		return fmt.Errorf("mkfs.ext4: %w: %s", err, said)
	}
	return nil
}

// mkfs finds mkfs.ext4, which is not on everybody's path.
func mkfs() string {
	if path, err := exec.LookPath("mkfs.ext4"); err == nil {
		return path
	}
	return "/sbin/mkfs.ext4"
}
