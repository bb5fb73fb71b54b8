package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTheLineThatIsPrintedOpensTheDoor runs the line as somebody would who copies it.
func TestTheLineThatIsPrintedOpensTheDoor(t *testing.T) {
	t.Parallel()
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatal("curl is not installed; make setup installs it: ", err)
	}
	board := &house{t: t, d: &demo{listen: freeAddress(t)}}
	dir := filepath.Join(t.TempDir(), "var")
	var tokens []string
	for range 2 { // the second time it is the same token
		var stderr bytes.Buffer
		cmd := exec.Command(os.Args[0], "-bin", bin, "-dir", dir, "-listen", board.d.listen, "-second", freeAddress(t), "-console", freeAddress(t), "-api", freeAddress(t), "-adoption", freeAddress(t), "-broker", freeAddress(t))
		cmd.Env = append(os.Environ(), runAsProgram+"=1")
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var printed []string
		tried := false
		for lines := bufio.NewScanner(out); lines.Scan(); {
			printed = append(printed, lines.Text())
			if line := strings.TrimSpace(lines.Text()); strings.HasPrefix(line, "curl ") && !tried {
				tried = true
				go func() { // what is printed meanwhile must be read
					board.opensBy(line)
					cmd.Process.Signal(syscall.SIGINT)
				}()
			}
		}
		if err := cmd.Wait(); err != nil || stderr.Len() > 0 || !tried {
			t.Fatalf("%v\n%s\n%s", err, stderr.Bytes(), strings.Join(printed, "\n"))
		}
		b, err := os.ReadFile(filepath.Join(dir, "facts.json"))
		var known facts
		if err != nil || json.Unmarshal(b, &known) != nil || known.Token == "" {
			t.Fatalf("%v: %s", err, b)
		}
		tokens = append(tokens, known.Token)
	}
	if tokens[0] != tokens[1] {
		t.Error("there is another token the second time")
	}
}

// opensBy runs a line until the reader is online, and expects the strike.
func (h *house) opensBy(line string) {
	for range 300 {
		said, err := exec.Command("bash", "-c", line).Output()
		var answer struct{ Code string }
		if err != nil || json.Unmarshal(said, &answer) != nil {
			h.t.Errorf("%s: %v, %s", line, err, said)
			return
		}
		if answer.Code == "SUCCESS" {
			if on, err := h.line("strike"); err != nil || !on {
				h.t.Errorf("the strike is on: %t, %v", on, err)
			}
			return
		}
		if !strings.HasPrefix(answer.Code, "CODE_DEVICE_") {
			h.t.Errorf("%s: %s", line, said)
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	h.t.Error("the reader never opened the door")
}
