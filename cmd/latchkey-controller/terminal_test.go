package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal returns both ends of a pseudo-terminal.
func openTerminal(t *testing.T) (near, far *os.File) {
	t.Helper()
	near, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close() })
	if err := unix.IoctlSetPointerInt(int(near.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(near.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	far, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	return near, far
}

func echoes(t *testing.T, terminal *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// program starts this test's program at a terminal, where it asks for a PIN.
func program(t *testing.T, far *os.File, dir string, out io.Writer, args ...string) *exec.Cmd {
	t.Helper()
	link := filepath.Join(t.TempDir(), "latchkey-controller")
	if err := os.Symlink(os.Args[0], link); err != nil { // testscript.Main goes by the name
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), link, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = far, out, out
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// waitForSilence waits until what is typed at the terminal is not echoed.
func waitForSilence(t *testing.T, far *os.File) {
	t.Helper()
	for echoes(t, far) {
		time.Sleep(time.Millisecond)
	}
}

func newTestSite(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	c := stdio{nil, io.Discard, io.Discard}
	if err := execute(t.Context(), c, []string{"init", "--dir", filepath.Join(dir, "site"), "--site", "home"}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestATypedPINIsNotEchoed(t *testing.T) {
	dir := newTestSite(t)
	near, far := openTerminal(t)
	var out bytes.Buffer
	cmd := program(t, far, dir, &out, "user", "add", "--dir", "site", "--name", "Ada", "--pin", "-")
	waitForSilence(t, far)
	if _, err := near.WriteString("58310274\n58310274\n"); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	if _, err := far.WriteString("end"); err != nil {
		t.Fatal(err)
	}
	var seen []byte
	for !bytes.HasSuffix(seen, []byte("end")) {
		b := make([]byte, 100)
		n, err := near.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, b[:n]...)
	}
	if bytes.Contains(seen, []byte("5831")) || strings.Contains(out.String(), "5831") {
		t.Errorf("the PIN can be seen: %q, %q", seen, out.String())
	}
	if !strings.Contains(out.String(), "user  1  Ada") || !echoes(t, far) {
		t.Errorf("%q; the terminal echoes: %t", out.String(), echoes(t, far))
	}
}

func TestAnInterruptedQuestionLeavesTheTerminalAsItWas(t *testing.T) {
	dir := newTestSite(t)
	_, far := openTerminal(t)
	var out bytes.Buffer
	cmd := program(t, far, dir, &out, "user", "add", "--dir", "site", "--name", "Ada", "--pin", "-")
	waitForSilence(t, far)
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("%v: %s", err, out.String())
	}
	if !echoes(t, far) {
		t.Error("the terminal does not echo any more")
	}
	if !strings.Contains(out.String(), "interrupted; nothing was changed") {
		t.Errorf("%q", out.String())
	}
}
