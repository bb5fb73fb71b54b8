package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestAnInterruptIsNoError interrupts the demonstration at each thing it says
// that it does.
func TestAnInterruptIsNoError(t *testing.T) {
	t.Parallel()
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, at := range []string{
		"latchkey-controller init", "latchkey-controller user add", "latchkeyd identity", "latchkey-controller reader add", "latchkeyd adopt",
		"latchkey-controller broker-config", "The reader's page", "readers come to",
	} {
		var stderr bytes.Buffer
		cmd := exec.Command(os.Args[0], "-bin", bin, "-dir", filepath.Join(dir, "var"), "-listen", freeAddress(t), "-second", freeAddress(t), "-console", freeAddress(t), "-api", freeAddress(t), "-adoption", freeAddress(t), "-broker", freeAddress(t))
		cmd.Env = append(os.Environ(), runAsProgram+"=1")
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		met := false
		var printed []string
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if printed = append(printed, lines.Text()); !met && strings.Contains(lines.Text(), at) {
				met = true
				if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
					t.Error(err)
				}
			}
		}
		if err := cmd.Wait(); err != nil || stderr.Len() > 0 || !met {
			t.Errorf("interrupted at %q: %v\n%s\n%s", at, err, stderr.Bytes(), strings.Join(printed, "\n"))
		}
	}
}
