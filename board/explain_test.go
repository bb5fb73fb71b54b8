package board

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/warthog618/go-gpiocdev"
	"golang.org/x/sys/unix"
)

func TestALineThatCannotBeHadSaysWhoHasItAndWhatToDo(t *testing.T) {
	for _, test := range []struct {
		err      error
		consumer string
		want     string
	}{
		{unix.EBUSY, "latchkeyd strike", `gpiochip0 line 17 is in use by "latchkeyd strike": another latchkeyd is running: device or resource busy`},
		{unix.EBUSY, "gpio-leds", `gpiochip0 line 17 is in use by "gpio-leds": stop that, or remove it from the device tree, or wire another line: device or resource busy`},
		{unix.EBUSY, "", `gpiochip0 line 17 is in use by the kernel, probably as a pin of another device: wire another line: device or resource busy`},
		{gpiocdev.ErrInvalidOffset, "", `gpiochip0 line 17: gpiochip0 has lines 0 to 7: invalid offset`},
		{syscall.Errno(524), "", `gpiochip0 line 17: this chip cannot do what is asked: remove bias, or debounce, and fit a resistor: errno 524`},
		{gpiocdev.ErrUapiIncompatibility{Feature: "debounce", AbiVersion: 1}, "", `gpiochip0 line 17: debounce needs Linux 5.10 or later: remove it: debounce not available in kernel GPIO uAPI v1`},
		{unix.EIO, "", `gpiochip0 line 17: input/output error`},
	} {
		got := explainLine("gpiochip0", 8, 17, test.consumer, test.err)
		if got.Error() != test.want || !errors.Is(got, test.err) {
			t.Errorf("got  %v\nwant %s", got, test.want)
		}
	}
}

func TestADeviceThatMayNotBeOpenedSaysWhichGroupMay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gpiochip0")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	denied := &fs.PathError{Op: "open", Path: path, Err: unix.EACCES}
	want := path + ` may not be opened: its mode is 0600 and no group may use it: add a udev rule such as KERNEL=="gpiochip*", GROUP="latchkey", MODE="0660": ` + denied.Error()
	if got := explainDevice(path, denied); got.Error() != want || !errors.Is(got, unix.EACCES) {
		t.Errorf("got  %v\nwant %s", got, want)
	}

	// A group that no machine has a name for, if the test may set it.
	if os.Chown(path, -1, 54321) == nil {
		if err := os.Chmod(path, 0o660); err != nil {
			t.Fatal(err)
		}
		want := path + " may not be opened: it is open to the group 54321: add the user that runs latchkeyd to it (SupplementaryGroups=54321 in its systemd unit): " + denied.Error()
		if got := explainDevice(path, denied); got.Error() != want {
			t.Errorf("got  %v\nwant %s", got, want)
		}
	}
}

func TestADeviceThatIsNotThereNamesThoseThatAre(t *testing.T) {
	dir := t.TempDir()
	for i := range 2 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("gpiochip%d", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := explainDevice(filepath.Join(dir, "gpiochip7"), fs.ErrNotExist).Error()
	want := fmt.Sprintf("%[1]s/gpiochip7 is not there (there is %[1]s/gpiochip0, %[1]s/gpiochip1): gpiodetect lists the chips: file does not exist", dir)
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	got = explainDevice("/dev/spidev99.0", fs.ErrNotExist).Error()
	if !strings.Contains(got, "dtparam=spi=on") {
		t.Errorf("got %s", got)
	}
}
