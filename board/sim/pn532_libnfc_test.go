package sim

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pty opens a pseudo terminal in raw mode and returns its near end and the path of its
// far one.
func pty(t *testing.T) (near *os.File, far string) {
	t.Helper()
	near, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	t.Cleanup(func() { near.Close() })
	raw, err := near.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var number int
	var failed error
	if err := raw.Control(func(fd uintptr) {
		if failed = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); failed == nil {
			number, failed = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	}); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	far = fmt.Sprintf("/dev/pts/%d", number)
	// Open all the time, so that the near end never reads a hang-up.
	f, err := os.OpenFile(far, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	mode, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	mode.Iflag, mode.Oflag, mode.Lflag = 0, 0, 0
	mode.Cflag = unix.CS8 | unix.CREAD | unix.CLOCAL | unix.B115200
	mode.Cc[unix.VMIN], mode.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, mode); err != nil {
		t.Fatal(err)
	}
	return near, far
}

func TestLibnfcFindsTheCardThroughAPseudoTerminal(t *testing.T) {
	const list = "/usr/bin/nfc-list"
	if _, err := os.Stat(list); err != nil {
		t.Skip("nfc-list is not installed: apt install libnfc-bin")
	}
	near, far := pty(t)
	b := New(nil)
	defer b.Close()
	if err := b.PresentCard(Card{UID: uid7, Kind: DESFireEV3}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- b.ServeHSU(ctx, near) }()

	for range 2 { // it puts the chip to sleep at its end
		listing := exec.CommandContext(ctx, list)
		listing.Env = []string{"LIBNFC_DEVICE=pn532_uart:" + far, "LIBNFC_AUTO_SCAN=false"}
		out, err := listing.CombinedOutput()
		for _, want := range []string{"(NFCID1): 04  a1  b2  c3  d4  e5  80", "(SENS_RES): 03  44", "(SEL_RES): 20", "ATS: 75  77  81  02  80"} {
			if err != nil || !strings.Contains(string(out), want) {
				t.Fatalf("%v: %q is missing in\n%s", err, want, out)
			}
		}
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if v := b.Violations(); len(v) > 0 {
		t.Errorf("violations: %q", v)
	}
}
