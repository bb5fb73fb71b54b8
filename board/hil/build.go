package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// build builds programs into a directory; the linker sets the same variables as
// in the Makefile.
func build(ctx context.Context, arch, dir string, what ...string) error {
	stamp := "-s -w -X main.version=bench"
	if built, err := exec.CommandContext(ctx, "git", "log", "-1", "--format=%ct").Output(); err == nil {
		stamp += " -X main.built=" + strings.TrimSpace(string(built))
	}
	args := []string{"build", "-trimpath", "-ldflags", stamp, "-o", dir + string(filepath.Separator)}
	_, err := execute(goCommand(ctx, arch, append(args, what...)...))
	return err
}

// goCommand runs the go command for an architecture; "" is this machine's.
// "arm" is ARMv7, as 32-bit boards are.
func goCommand(ctx context.Context, arch string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if arch != "" {
		cmd.Env = append(cmd.Env, "GOOS=linux", "GOARCH="+arch, "GOARM=7")
	}
	return cmd
}

// applets are what scripts and people find in the machine's /bin.
var applets = []string{"sh", "cat", "ls", "mount", "dmesg", "ip", "sync"}

// modules are what the machine loads of the stock kernel's, besides what is
// built in (SPI, spidev and the PL061 are).
var modules = []string{"virtio_pci", "virtio_blk", "virtio_console", "virtio_net", "ext4", "crc32c_generic", "i6300esb", "evdev", "uinput", "ads7846", "tpm_vtpm_proxy"}

// buildInitramfs writes the machine's root file system: the reader as it is
// shipped, its config, and what the bench needs.
func buildInitramfs(s *shared) error {
	a := initramfs{}
	for _, dir := range []string{"proc", "sys", "dev", "run", "tmp", "data", "tools"} {
		a.dir(dir)
	}
	for _, f := range []struct{ name, from string }{
		{"init", s.boardProgram("guest")}, {latchkeyd, s.boardProgram("latchkeyd")}, {"bin/busybox", s.debian.path("bin", "busybox")},
	} {
		if err := a.file(f.name, f.from); err != nil {
			return err
		}
	}
	for _, applet := range applets {
		a.link("bin/"+applet, "busybox")
	}
	a.text(configPath, readerConfig)
	a.text(tpmConfigPath, readerConfig+keyInTPM)
	own, err := buildModule(s.ctx, s.debian)
	if err != nil {
		return err
	}
	paths, err := withDependencies(s.debian.modules(), modules...)
	if err != nil {
		return err
	}
	var order strings.Builder
	for _, path := range append(paths, own) {
		if err := a.file("modules/"+filepath.Base(path), path); err != nil {
			return err
		}
		fmt.Fprintln(&order, filepath.Base(path))
	}
	a.text("modules/order", order.String())
	f, err := os.Create(s.initramfs())
	if err != nil {
		return err
	}
	return errors.Join(a.write(f), f.Close())
}
