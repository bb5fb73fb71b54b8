package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// driverPackages are those that touch hardware; their tests run in the machine.
var driverPackages = []string{"relay", "keypad/panel", "keypad/touch", "nfc", "nfc/pn532", "board"}

// driverArchitectures are what the tests are built for.
var driverArchitectures = []string{"arm64", "arm"}

// testsDir has the driver packages' tests, a directory for each architecture,
// and the files that the tests read, where they are in the repository.
func testsDir(s *shared) string { return filepath.Join(s.work, "tests") }

// buildTests makes testsDir.
func buildTests(s *shared) error {
	for _, arch := range driverArchitectures {
		args := []string{"test", "-c", "-trimpath", "-tags", "firmware", "-ldflags", "-s -w", "-o", filepath.Join(testsDir(s), arch) + string(filepath.Separator)}
		for _, pkg := range driverPackages {
			args = append(args, "latchkey/"+pkg)
		}
		if _, err := execute(goCommand(s.ctx, arch, args...)); err != nil {
			return err
		}
	}
	for _, dir := range []string{"relay", "keypad", "nfc", "board"} {
		if err := os.CopyFS(filepath.Join(testsDir(s), dir), os.DirFS(dir)); err != nil {
			return err
		}
	}
	return nil
}

// makeToolsDisk makes the disk that a machine has at /tools: libnfc's and
// libfreefare's programs and the judge, with their libraries.
func makeToolsDisk(s *shared, out string) {
	root := strings.TrimSuffix(out, ".ext4")
	nfc := filepath.Join(root, "nfc")
	check(os.MkdirAll(nfc, 0o755))
	args := []string{"--dereference", "--target-directory", nfc}
	for _, pattern := range []string{"usr/bin/nfc-list", "usr/bin/mifare-desfire-*", "usr/lib/aarch64-linux-gnu/*.so.*", "lib/aarch64-linux-gnu/*.so.*"} {
		files, err := filepath.Glob(s.debian.path(pattern))
		check(err)
		args = append(args, files...)
	}
	_, err := execute(exec.CommandContext(s.ctx, "cp", args...))
	check(err)
	_, err = execute(exec.CommandContext(s.ctx, "aarch64-linux-gnu-gcc-12", "--sysroot="+s.debian.root,
		"-o", filepath.Join(nfc, "judge"), filepath.Join("board", "sim", "testdata", "judge", "judge.c"), "-lfreefare", "-lnfc",
		"-Wl,-rpath-link,"+s.debian.path("usr", "lib", "aarch64-linux-gnu")))
	check(err)
	makeDisk(s.ctx, out, 96<<20, "-d", root)
}

// makeDisk makes an ext4 file system in a file of that many bytes.
func makeDisk(ctx context.Context, path string, size int64, more ...string) {
	check(os.WriteFile(path, nil, 0o600))
	check(os.Truncate(path, size))
	mkfs, err := exec.LookPath("mkfs.ext4")
	if err != nil {
		mkfs = "/sbin/mkfs.ext4" // not on everybody's path
	}
	_, err = execute(exec.CommandContext(ctx, mkfs, append(append([]string{"-q", "-F"}, more...), path)...))
	check(err)
}
