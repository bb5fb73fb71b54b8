package supervision

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Config is the config's [watchdog]: a timer that resets the machine unless it is kicked
// in time. Without one systemd may still restart the reader, but it cannot end a process
// that hangs in the kernel.
type Config struct {
	Device  string        `toml:"device"`  // as "/dev/watchdog0"
	Timeout time.Duration `toml:"timeout"` // whole seconds; 0: 15 s, the most that a Raspberry Pi's timer counts
}

const (
	defaultTimeout  = 15 * time.Second
	shortestTimeout = 2 * time.Second
	longestTimeout  = 10 * time.Minute
)

// Check returns what is wrong with a config.
func (c Config) Check() error {
	switch {
	case c.Timeout == 0:
		return nil
	case c.Device == "":
		return errors.New(`watchdog.timeout: is set, and watchdog.device is not: name a device, as "/dev/watchdog0"`)
	case c.Timeout < shortestTimeout, c.Timeout > longestTimeout, c.Timeout%time.Second != 0:
		return fmt.Errorf(`watchdog.timeout: is %s: it must be whole seconds, from %s to %s, as in "15s"`, c.Timeout, shortestTimeout, longestTimeout)
	}
	return nil
}

// A Timer is a watchdog timer behind Linux's watchdog API
// (Documentation/watchdog/watchdog-api.rst). It starts when it is opened, starts again
// with every write, and resets the machine when it runs out. Closing it after a V was
// written stops it, unless the kernel forbids that (nowayout).
type Timer struct {
	file    *os.File
	timeout time.Duration // the actual one, which may not be the config's
}

// NewTimer returns the timer behind an open device, which counts that long.
func NewTimer(device *os.File, timeout time.Duration) *Timer {
	return &Timer{file: device, timeout: timeout}
}

// openTimer starts a timer.
func openTimer(path string, timeout time.Duration) (*Timer, error) {
	if timeout == 0 {
		timeout = defaultTimeout
	}
	if err := CheckTimer(path); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return nil, explain(path, err)
	}
	t := NewTimer(f, timeout)
	fd := int(f.Fd())
	// This may fail: the driver then keeps a timeout of its own.
	unix.IoctlSetPointerInt(fd, unix.WDIOC_SETTIMEOUT, int(timeout/time.Second))
	seconds, err := unix.IoctlGetInt(fd, unix.WDIOC_GETTIMEOUT)
	if err == nil && seconds > 0 {
		t.timeout = time.Duration(seconds) * time.Second
		err = t.kick()
	} else {
		err = fmt.Errorf("it is not a watchdog timer, or does not say how long it counts: %w", err)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("watchdog.device: %s: %w", path, err), t.close(true))
	}
	return t, nil
}

// CheckTimer returns why a timer cannot be opened. It does not open it: that would start
// it.
func CheckTimer(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return explain(path, err)
	}
	if info.Mode()&fs.ModeCharDevice == 0 {
		return fmt.Errorf("watchdog.device: %s is not a device", path)
	}
	if err := unix.Access(path, unix.W_OK); err != nil {
		return explain(path, err)
	}
	return nil
}

// explain adds what to do about a timer that cannot be opened.
func explain(path string, err error) error {
	todo := "look into the kernel's log"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		todo = "load the driver of the board's timer, or remove watchdog.device"
	case errors.Is(err, fs.ErrPermission):
		todo = "let the user that runs latchkeyd write to it"
	case errors.Is(err, unix.EBUSY):
		todo = "something else holds it, systemd perhaps (RuntimeWatchdogSec): leave that out, or remove watchdog.device"
	}
	return fmt.Errorf("watchdog.device: %s: %w: %s", path, err, todo)
}

// kick restarts the timer.
func (t *Timer) kick() error {
	if _, err := t.file.Write([]byte{0}); err != nil {
		return fmt.Errorf("kick: %w", err)
	}
	return nil
}

// close closes the timer, and stops it if stop is set.
func (t *Timer) close(stop bool) error {
	var err error
	if stop {
		_, err = t.file.Write([]byte("V"))
	}
	return errors.Join(err, t.file.Close())
}
