package board

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/warthog618/go-gpiocdev"
	"golang.org/x/sys/unix"
)

// A KeyError is what is wrong with a key of the config, or with the device or line that it
// names.
type KeyError struct {
	Key string // as in "board.lines.strike"
	Err error
}

func (e *KeyError) Error() string { return e.Key + ": " + e.Err.Error() }
func (e *KeyError) Unwrap() error { return e.Err }

// explainDevice says what to do about a device that could not be opened.
func explainDevice(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		kind := strings.TrimRight(path, "0123456789.")
		if strings.HasPrefix(kind, "/dev/spidev") {
			return fmt.Errorf("%s is not there%s: switch SPI on (on a Raspberry Pi dtparam=spi=on in config.txt) and see that the device tree gives this chip select to spidev: %w",
				path, others(kind), err)
		}
		return fmt.Errorf("%s is not there%s: gpiodetect lists the chips: %w", path, others(kind), err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s may not be opened: %s: %w", path, permission(path), err)
	case errors.Is(err, gpiocdev.ErrNotCharacterDevice):
		return fmt.Errorf("%s is not a GPIO chip: gpiodetect lists them: %w", path, err)
	}
	return fmt.Errorf("open %s: %w", path, err)
}

// others lists the devices of the same kind.
func others(prefix string) string {
	found, _ := filepath.Glob(prefix + "*")
	if len(found) == 0 {
		return ", nor any like it"
	}
	return " (there is " + strings.Join(found, ", ") + ")"
}

// permission says which group may open a device, or that none may.
func permission(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return err.Error()
	}
	mode := info.Mode().Perm()
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || mode&0o060 != 0o060 || stat.Gid == 0 {
		return fmt.Sprintf(`its mode is %#o and no group may use it: add a udev rule such as KERNEL=="%s*", GROUP="latchkey", MODE="0660"`,
			mode, strings.TrimRight(filepath.Base(path), "0123456789."))
	}
	name := strconv.Itoa(int(stat.Gid))
	if g, err := user.LookupGroupId(name); err == nil {
		name = g.Name
	}
	return fmt.Sprintf("it is open to the group %s: add the user that runs latchkeyd to it (SupplementaryGroups=%s in its systemd unit)", name, name)
}

// explainLine says what to do about a line that could not be requested.
func explainLine(chip string, lines, offset int, consumer string, err error) error {
	where := fmt.Sprintf("%s line %d", chip, offset)
	var old gpiocdev.ErrUapiIncompatibility
	switch {
	case errors.Is(err, gpiocdev.ErrInvalidOffset):
		return fmt.Errorf("%s: %s has lines 0 to %d: %w", where, chip, lines-1, err)
	case errors.Is(err, unix.EBUSY) && strings.HasPrefix(consumer, "latchkeyd"):
		return fmt.Errorf("%s is in use by %q: another latchkeyd is running: %w", where, consumer, err)
	case errors.Is(err, unix.EBUSY) && consumer != "":
		return fmt.Errorf("%s is in use by %q: stop that, or remove it from the device tree, or wire another line: %w", where, consumer, err)
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("%s is in use by the kernel, probably as a pin of another device: wire another line: %w", where, err)
	case errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.ENXIO), errors.Is(err, syscall.Errno(524)): // the kernel's ENOTSUPP
		return fmt.Errorf("%s: this chip cannot do what is asked: remove bias, or debounce, and fit a resistor: %w", where, err)
	case errors.As(err, &old):
		return fmt.Errorf("%s: %s needs Linux 5.10 or later: remove it: %w", where, old.Feature, err)
	}
	return fmt.Errorf("%s: %w", where, err)
}
