package supervision

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Config is the config's [watchdog]: a timer of the machine that resets it unless
// it is kicked in time. Without a device there is none: systemd may watch the
// reader, but it cannot end a process that hangs in the kernel.
type Config struct {
	Device  string        `toml:"device"`  // as "/dev/watchdog0"
	Timeout time.Duration `toml:"timeout"` // of whole seconds; 0 is 15 s, the most that a Raspberry Pi's timer counts
}

const (
	defaultTimeout  = 15 * time.Second
	shortestTimeout = 2 * time.Second
	longestTimeout  = 10 * time.Minute
)

// Check says what is wrong with a config.
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
// (Documentation/watchdog/watchdog-api.rst): it runs from being opened on,
// every write starts it anew, and it resets the machine when it runs out. If
// the last thing written is a V, closing the device stops it, unless the
// kernel was built or told not to (nowayout).
type Timer struct {
	file    *os.File
	timeout time.Duration // what it counts, which may not be what was asked for
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
	// A timer that cannot count that long, or cannot be set at all, counts
	// what it was made to.
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

// CheckTimer says whether a timer could be opened, which would start it.
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

// explain says what to do about a timer that cannot be opened.
func explain(path string, err error) error {
	todo := "see what the kernel says of it"
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

// kick starts the timer anew.
func (t *Timer) kick() error {
	if _, err := t.file.Write([]byte{0}); err != nil {
		return fmt.Errorf("kick: %w", err)
	}
	return nil
}

// close lets go of the timer, and stops it before if stop is set.
func (t *Timer) close(stop bool) error {
	var err error
	if stop {
		_, err = t.file.Write([]byte("V"))
	}
	return errors.Join(err, t.file.Close())
}
