package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The user that the reader runs as; its group may use the devices, as udev
// rules grant it on a board.
const (
	readerUID = 990
	readerGID = 990
)

// chipsReady is there once the chips are on the bus.
const chipsReady = "/run/chips"

// initialise brings the machine up: kernel file systems, modules, devices, the
// data partition, a read-only root, the chips. Then it serves the bench until it
// is told to power off. With bench.start on the
// kernel's command line the reader is started at once, as by a service.
func initialise() error {
	printLine("first line")
	for _, m := range []struct{ source, target, kind, options string }{
		{"proc", "/proc", "proc", ""},
		{"sysfs", "/sys", "sysfs", ""},
		{"devtmpfs", "/dev", "devtmpfs", ""},
		{"tmpfs", "/run", "tmpfs", "mode=0755"},
		{"tmpfs", "/tmp", "tmpfs", "mode=1777"},
	} {
		if err := unix.Mount(m.source, m.target, m.kind, 0, m.options); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	if err := os.Setenv("PATH", "/bin:/usr/bin"); err != nil {
		return err
	}
	b, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return err
	}
	commandLine := string(b)
	if err := loadModules("/modules", commandLine); err != nil {
		return err
	}
	if err := unix.Mount("/dev/vda", "/data", "ext4", unix.MS_NOATIME|unix.MS_NOSUID|unix.MS_NODEV, ""); err != nil {
		return fmt.Errorf("mount /data: %w", err)
	}
	if err := os.Mkdir("/run/latchkeyd", 0o700); err != nil {
		return err
	}
	for _, dir := range []string{"/data", "/run/latchkeyd"} { // as systemd's StateDirectory and RuntimeDirectory
		if err := os.Chown(dir, readerUID, readerGID); err != nil {
			return err
		}
	}
	if err := unix.Mount("/dev/vdb", "/tools", "ext4", unix.MS_RDONLY, "noload"); err != nil {
		return fmt.Errorf("mount /tools: %w", err)
	}
	if err := grantDevices("/dev/spidev*", "/dev/gpiochip*"); err != nil {
		return err
	}
	if err := loopbackUp(); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("make the root read-only: %w", err)
	}
	chips := exec.Command("/init", "chips")
	chips.Stdout, chips.Stderr = os.Stdout, os.Stderr
	if err := chips.Start(); err != nil {
		return err
	}
	go func() { printLine("the chips ended: %v", chips.Wait()) }()
	// The bus floats until the chips are on it.
	for _, err := os.Stat(chipsReady); err != nil; _, err = os.Stat(chipsReady) {
		time.Sleep(5 * time.Millisecond)
	}
	a := &agent{processes: map[int]*process{}}
	if slices.Contains(strings.Fields(commandLine), "bench.start") {
		if _, err := a.begin(&command{Args: []string{"/bin/latchkeyd", "run", "--config", "/etc/latchkeyd.toml"}}); err != nil {
			return err
		}
	}
	printLine("up")
	return a.serve()
}

// loadModules loads the modules that dir/order lists, a line each, with the
// parameters that the kernel's command line gives by MODULE.PARAMETER=VALUE.
func loadModules(dir, commandLine string) error {
	order, err := os.Open(filepath.Join(dir, "order"))
	if err != nil {
		return err
	}
	defer order.Close()
	for lines := bufio.NewScanner(order); lines.Scan(); {
		name := lines.Text()
		var parameters []string
		for _, word := range strings.Fields(commandLine) {
			if parameter, ok := strings.CutPrefix(word, strings.TrimSuffix(name, ".ko")+"."); ok {
				parameters = append(parameters, parameter)
			}
		}
		module, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		err = unix.FinitModule(int(module.Fd()), strings.Join(parameters, " "), 0)
		module.Close()
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("load %s: %w", name, err)
		}
	}
	return nil
}

// grantDevices does what a udev rule with GROUP and MODE="0660" does.
func grantDevices(patterns ...string) error {
	for _, pattern := range patterns {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		if len(paths) == 0 {
			return fmt.Errorf("there is no %s", pattern)
		}
		for _, path := range paths {
			if err := os.Chown(path, 0, readerGID); err != nil {
				return err
			}
			if err := os.Chmod(path, 0o660); err != nil {
				return err
			}
		}
	}
	return nil
}

// loopbackUp brings lo up.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

// powerOff shuts the machine down. The line that it prints tells the bench that
// all data were written.
func powerOff() error {
	if err := unix.Unmount("/data", 0); err != nil && !errors.Is(err, unix.EINVAL) {
		printLine("unmount /data: %v", err)
	}
	unix.Sync()
	printLine("end")
	return unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}
