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

// programs are built from the tree the bench runs in.
type programs struct {
	reader     string // latchkeyd as a board runs it: arm64, without the simulated board
	guest      string // this bench's own program in the machine
	twin       string // latchkeyd for this machine, with the simulated board
	controller string // latchkey-controller for this machine
}

func newPrograms(dir string) *programs {
	return &programs{
		reader: filepath.Join(dir, "arm64", "latchkeyd"), guest: filepath.Join(dir, "arm64", "guest"),
		twin: filepath.Join(dir, "latchkeyd"), controller: filepath.Join(dir, "latchkey-controller"),
	}
}

// board builds what runs on the board.
func (p *programs) board(ctx context.Context) error {
	return build(ctx, "arm64", filepath.Dir(p.reader), "-tags", "firmware,nethttpomithttp2", "latchkey/cmd/latchkeyd", "latchkey/board/hil/guest")
}

// own builds what runs on this machine.
func (p *programs) own(ctx context.Context) error {
	return build(ctx, "", filepath.Dir(p.twin), "latchkey/cmd/latchkeyd", "latchkey/cmd/latchkey-controller")
}

// build builds programs into a directory; the linker sets the same things as in
// the Makefile.
func build(ctx context.Context, arch, dir string, what ...string) error {
	stamp := "-s -w -X main.version=bench"
	if built, err := exec.CommandContext(ctx, "git", "log", "-1", "--format=%ct").Output(); err == nil {
		stamp += " -X main.built=" + strings.TrimSpace(string(built))
	}
	args := []string{"build", "-trimpath", "-ldflags", stamp, "-o", dir + string(filepath.Separator)}
	if out, err := goCommand(ctx, arch, append(args, what...)...).CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w:\n%s", strings.Join(what, " "), err, out)
	}
	return nil
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
var modules = []string{"virtio_pci", "virtio_blk", "virtio_console", "virtio_net", "ext4", "crc32c_generic", "i6300esb", "evdev", "uinput", "ads7846"}

// buildInitramfs writes the machine's root file system: the reader as it is
// shipped, its config, and what the bench needs.
func buildInitramfs(ctx context.Context, s *stock, p *programs, out string) error {
	a := newInitramfs()
	for _, dir := range []string{"proc", "sys", "dev", "run", "tmp", "data", "tools"} {
		a.dir(dir)
	}
	for _, f := range []struct{ name, from string }{
		{"init", p.guest}, {"guest", p.guest}, {"bin/latchkeyd", p.reader}, {"bin/busybox", s.path("bin", "busybox")},
	} {
		if err := a.file(f.name, f.from); err != nil {
			return err
		}
	}
	for _, applet := range applets {
		a.link("bin/"+applet, "busybox")
	}
	a.text("etc/latchkeyd.toml", readerConfig)
	own, err := buildModule(ctx, s)
	if err != nil {
		return err
	}
	paths, err := withDependencies(s.modules(), modules...)
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
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	return errors.Join(a.write(f), f.Close())
}

// readerConfig is the reader's: the door on the board's own GPIO controller,
// the chips behind spidev and the pins beside it, by their names.
const readerConfig = `[reader]
id = "front-door"
data = "/data/reader"

[board]
kind = "linux"

[board.spi]
panel = {device = "/dev/spidev0.0", max_hz = 32_000_000}
touch = {device = "/dev/spidev0.1"}
nfc = {device = "/dev/spidev0.2"}

[board.lines]
strike = {chip = "gpiochip0", offset = 0}
buzzer = {chip = "gpiochip0", offset = 1}
exit-button = {chip = "gpiochip0", offset = 2, debounce = "10ms"}
door-open = {chip = "gpiochip0", offset = 4, debounce = "10ms"}
tamper = {chip = "gpiochip0", offset = 5, debounce = "10ms"}
panel-dc = {name = "panel-dc"}
panel-reset = {name = "panel-reset"}
backlight = {name = "backlight"}
touch-irq = {name = "touch-irq"}
nfc-irq = {name = "nfc-irq"}
nfc-reset = {name = "nfc-reset"}
`
