package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Who comes to the door.
const (
	adaPIN = "40718259"
	bobUID = "04a1b2c3d4e580"
)

// adopted is a directory with the data of a reader, front-door, that the real
// programs have made: its site knows Ada's PIN and Bob's card.
var adopted struct {
	once sync.Once
	dir  string
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	os.RemoveAll(adopted.dir)
	os.Exit(code)
}

func makeAdopted() {
	if adopted.dir, adopted.err = os.MkdirTemp("", "latchkeyd-test-*"); adopted.err != nil {
		return
	}
	run := func(stdin, program string, args ...string) {
		cmd := exec.Command(program, args...)
		cmd.Stdin = strings.NewReader(stdin)
		if program != "go" {
			cmd.Dir = adopted.dir
		}
		if out, err := cmd.CombinedOutput(); err != nil && adopted.err == nil {
			adopted.err = fmt.Errorf("%s %s: %w: %s", program, args[0], err, out)
		}
	}
	run("", "go", "build", "-ldflags", "-s -w", "-o", adopted.dir+"/", "latchkey/cmd/latchkeyd", "latchkey/cmd/latchkey-controller")
	run("", "./latchkey-controller", "init", "--dir", "site", "--site", "test")
	run(adaPIN+"\n", "./latchkey-controller", "user", "add", "--dir", "site", "--name", "Ada", "--pin", "-")
	run("", "./latchkey-controller", "user", "add", "--dir", "site", "--name", "Bob", "--card", bobUID)
	run("", "./latchkeyd", "identity", "--data", "data", "--out", "request")
	run("", "./latchkey-controller", "reader", "add", "--dir", "site", "--reader", "front-door", "--door", "Front door", "--group", "everyone", "--request", "request", "--out", "bundle")
	run("", "./latchkeyd", "adopt", "--data", "data", "bundle")
}

// adoptedData returns a copy of that data for one test.
func adoptedData(t testing.TB) string {
	t.Helper()
	adopted.once.Do(makeAdopted)
	if adopted.err != nil {
		t.Fatal(adopted.err)
	}
	data := filepath.Join(t.TempDir(), "data")
	if out, err := exec.Command("cp", "-a", filepath.Join(adopted.dir, "data"), data).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return data
}
