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

// judge runs programs of libnfc and libfreefare, which know nothing of this package, on
// the emulated chip.
type judge struct {
	*testing.T
	ctx  context.Context
	line string
}

func withJudge(t *testing.T, c Card, f func(j *judge)) {
	t.Helper()
	near, far := pty(t)
	b := New(nil)
	defer b.Close()
	if err := b.PresentCard(c); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- b.ServeHSU(ctx, near) }()
	f(&judge{t, ctx, far})
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if v := b.Violations(); len(v) > 0 {
		t.Errorf("violations: %q", v)
	}
}

// says runs a program, which must print all of that.
func (j *judge) says(program string, args []string, wants ...string) {
	j.Helper()
	path := "/usr/bin/" + program
	if _, err := os.Stat(path); err != nil {
		j.Skipf("%s is not installed: apt install libnfc-bin libfreefare-bin", program)
	}
	command := exec.CommandContext(j.ctx, path, args...)
	command.Env = []string{"LIBNFC_DEVICE=pn532_uart:" + j.line, "LIBNFC_AUTO_SCAN=false"}
	out, err := command.CombinedOutput()
	if err != nil {
		j.Fatalf("%s: %v\n%s", program, err, out)
	}
	for _, want := range wants {
		if !strings.Contains(string(out), want) {
			j.Fatalf("%s: %q is missing in\n%s", program, want, out)
		}
	}
}

func TestLibnfcFindsTheCardThroughAPseudoTerminal(t *testing.T) {
	withJudge(t, Card{UID: uid7, Kind: DESFireEV3}, func(j *judge) {
		for range 2 { // it puts the chip to sleep at its end
			j.says("nfc-list", nil, "(NFCID1): 04  a1  b2  c3  d4  e5  80", "(SENS_RES): 03  44", "(SEL_RES): 20", "ATS: 75  77  81  02  80")
		}
	})
}

func TestLibfreefareWritesAndFormatsAnEmulatedDESFire(t *testing.T) {
	memory, err := NewMemory(DESFireEV1, uid7)
	if err != nil {
		t.Fatal(err)
	}
	withJudge(t, Card{UID: uid7, Kind: DESFireEV1, Memory: memory}, func(j *judge) {
		j.says("mifare-desfire-info", nil, "UID:                      0x04a1b2c3d4e580", "Free memory: 5120 bytes")
		j.says("mifare-desfire-access", nil)
		j.says("mifare-desfire-create-ndef", []string{"-y"})
		j.says("mifare-desfire-info", nil, "Free memory: 928 bytes")
		j.says("mifare-desfire-format", []string{"-y"})
		j.says("mifare-desfire-info", nil, "Free memory: 5120 bytes", "Master Key settings (0x0f)")
	})
	if r := memory.Refused(); len(r) > 0 {
		t.Errorf("the card refused %q", r)
	}
}
