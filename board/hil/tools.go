package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

func testsDir(dir string) string { return filepath.Join(dir, "tools") }

// buildTests builds the driver packages' tests for boards into a directory.
func buildTests(ctx context.Context, dir string) error {
	for _, t := range testBinaries() {
		to := filepath.Join(testsDir(dir), t.file())
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		cmd := goCommand(ctx, t.arch, "test", "-c", "-trimpath", "-tags", "firmware", "-ldflags", "-s -w", "-o", to, "latchkey/"+t.pkg)
		if said, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build the tests of %s for %s: %w:\n%s", t.pkg, t.arch, err, said)
		}
	}
	for _, pkg := range driverPackages {
		if err := copyRead(pkg, filepath.Join(testsDir(dir), "tests", pkg)); err != nil {
			return err
		}
	}
	return nil
}

// copyRead copies what a package's tests read: testdata, and documents.
func copyRead(pkg, to string) error {
	data := filepath.Join(pkg, "testdata")
	if _, err := os.Stat(data); err == nil {
		if err := os.CopyFS(filepath.Join(to, "testdata"), os.DirFS(data)); err != nil {
			return err
		}
	}
	documents, err := filepath.Glob(filepath.Join(pkg, "*.md"))
	if err != nil {
		return err
	}
	for _, document := range documents {
		content, err := os.ReadFile(document)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(document)), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// buildTools writes the file system that a machine has at /tools, read-only:
// libnfc's nfc-list with its libraries.
func buildTools(ctx context.Context, s *stock, out string) error {
	root := strings.TrimSuffix(out, ".ext4")
	if err := os.MkdirAll(filepath.Join(root, "nfc"), 0o755); err != nil {
		return err
	}
	for _, pattern := range []string{"usr/bin/nfc-list", "usr/lib/aarch64-linux-gnu/*.so*", "lib/aarch64-linux-gnu/*.so*"} {
		files, err := filepath.Glob(s.path(pattern))
		if err != nil {
			return err
		}
		for _, file := range files {
			content, err := os.ReadFile(file) // follows links
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(root, "nfc", filepath.Base(file)), content, 0o755); err != nil {
				return err
			}
		}
	}
	return makeDisk(ctx, out, 64<<20, "-d", root)
}

// makeDisk makes an ext4 file system in a file of that many bytes.
func makeDisk(ctx context.Context, path string, size int64, more ...string) error {
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
	if said, err := exec.CommandContext(ctx, mkfs(), append(append([]string{"-q", "-F"}, more...), path)...).CombinedOutput(); err != nil {
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
