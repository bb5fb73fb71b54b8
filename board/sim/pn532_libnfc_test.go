package sim

import (
	"fmt"
	"os"
	"strings"
	"testing"

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
	j := judge(t, DESFireEV3)
	for range 2 { // it puts the chip to sleep at its end
		listed := j.run("nfc-list")
		for _, want := range []string{"(NFCID1): 04  a1  b2  c3  d4  e5  80", "(SENS_RES): 03  44", "(SEL_RES): 20", "ATS: 75  77  81  02  80"} {
			if !strings.Contains(listed, want) {
				t.Errorf("%q is missing in\n%s", want, listed)
			}
		}
	}
}
