package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/cmd/internal/freeport"
)

// built are the programs, built once for all tests.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "latchkey-house-*")
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-ldflags", "-s -w", "-o", dir+"/", "latchkey/cmd/latchkeyd", "latchkey/cmd/latchkey-controller").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return dir, nil
})

// runAsProgram makes the test binary the program itself.
const runAsProgram = "LATCHKEY_TEST_RUN"

func TestMain(m *testing.M) {
	if os.Getenv(runAsProgram) != "" {
		main()
		return
	}
	code := m.Run()
	if dir, err := built(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// The three programs of a house.
const (
	theReader     = "reader"
	theBroker     = "broker"
	theController = "controller"
)

// A house is a demonstration whose programs are started, and killed, by hand.
type house struct {
	t        testing.TB
	d        *demo
	known    *facts
	commands map[string][]string
	running  map[string]*exec.Cmd
	log      *os.File // what the programs print
}

// newHouse sets a house up; nothing of it runs yet. Its reader connects to the
// broker at an address; "" is where the broker is.
func newHouse(t testing.TB, address string) *house {
	t.Helper()
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, running: map[string]*exec.Cmd{}, d: &demo{bin: bin, dir: t.TempDir(), listen: freeAddress(t), broker: freeAddress(t)}}
	h.known = &facts{UID: "04a1b2c3d4e580", Broker: h.d.broker}
	if address != "" {
		h.known.Broker = address
	}
	ctx := t.Context()
	if h.log, err = os.Create(h.d.path("log")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(h.d.path("reader"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(h.d.makeSite(ctx, h.known), h.d.makeReader(ctx, h.known)); err != nil {
		t.Fatal(err)
	}
	mosquitto, config, err := h.d.mosquitto(ctx)
	if err != nil || mosquitto == nil {
		t.Fatal("mosquitto is not installed; make setup installs it: ", err)
	}
	h.commands = map[string][]string{
		theBroker:     {mosquitto.Path, "-c", config},
		theController: {filepath.Join(bin, "latchkey-controller"), "serve", "--dir", h.d.path("site"), "--console", "off", "--adoption", "off", "--broker", "ssl://" + h.d.broker},
		theReader:     {filepath.Join(bin, "latchkeyd"), "run", "--config", h.d.path("reader", "latchkeyd.toml")},
	}
	t.Cleanup(func() {
		for name := range h.commands {
			h.kill(name)
		}
		h.log.Close()
		if b, err := os.ReadFile(h.log.Name()); t.Failed() {
			t.Log(string(b[max(0, len(b)-8000):]), err)
		}
	})
	return h
}

// freeAddress returns an address of loopback at which nobody listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	address, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// start starts programs.
func (h *house) start(names ...string) {
	h.t.Helper()
	for _, name := range names {
		cmd := exec.Command(h.commands[name][0], h.commands[name][1:]...)
		cmd.Stdout, cmd.Stderr = h.log, h.log
		if err := cmd.Start(); err != nil {
			h.t.Fatal(err)
		}
		h.running[name] = cmd
	}
}

// kill ends a program, if it runs, as a power cut would: SIGKILL.
func (h *house) kill(name string) {
	if cmd := h.running[name]; cmd != nil {
		cmd.Process.Kill()
		cmd.Wait()
		delete(h.running, name)
	}
}

// do runs a command of the controller's on the site, and reads the JSON that it
// prints into out unless that is nil.
func (h *house) do(out any, args ...string) {
	h.t.Helper()
	args = append(args, "--dir", h.d.path("site"))
	if out != nil {
		args = append(args, "--json")
	}
	cmd := exec.Command(filepath.Join(h.d.bin, "latchkey-controller"), args...)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	printed, err := cmd.Output()
	if err == nil && out != nil {
		err = json.Unmarshal(printed, out)
	}
	if err != nil {
		h.t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, complaint.String())
	}
}

// A position says how far a log goes.
type position struct{ Epoch, Revision uint64 }

// inStep waits until the reader holds what the controller has, as it says in a
// signed state: the same position in the log, with its hash, and the same policy.
func (h *house) inStep() {
	h.t.Helper()
	var log position
	h.do(&log, "check")
	h.eventually("the reader is in step", func() bool {
		var readers []struct {
			Live struct {
				Online, Current bool
				position
			}
		}
		h.do(&readers, "reader", "list")
		return len(readers) == 1 && readers[0].Live.Online && readers[0].Live.Current && readers[0].Live.position == log
	})
}

// eventually waits for something to become true; the limit is for a program that
// hangs.
func (h *house) eventually(what string, check func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(90 * time.Second); !check(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatalf("never: %s", what)
		}
	}
}
