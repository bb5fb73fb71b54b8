package tests

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"latchkey/cmd/internal/freeport"
)

// controller is the real controller of a site and the broker at which it meets
// its readers, both processes of their own on loopback.
type controller struct {
	*testSite
	t          testing.TB
	mosquitto  bool
	console    string      // address of its console; "": it has none
	api        string      // address of its API; "": it has none
	env        []string    // of its process, besides that of the test
	signIn     chan string // its first one-time link
	flags      []string    // further ones of serve
	serving    *exec.Cmd   // latchkey-controller serve
	brokering  *exec.Cmd   // Mosquitto, if that is the broker
	configured string      // directory of its configuration
}

// adaAndBobLinked makes a site with a PIN and a card, whose controller is not started
// yet.
func adaAndBobLinked(t testing.TB, mosquitto bool) *controller {
	t.Helper()
	address, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	c := &controller{testSite: adaAndBob(t), t: t, mosquitto: mosquitto}
	c.broker = address
	t.Cleanup(func() {
		c.stopServing()
		c.stopBroker()
	})
	return c
}

// onBothBrokers runs a test with the controller's own broker and with
// Mosquitto.
func onBothBrokers(t *testing.T, f func(t *testing.T, c *controller)) {
	for name, mosquitto := range map[string]bool{"embedded": false, "mosquitto": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := adaAndBobLinked(t, mosquitto)
			c.startBroker()
			c.serve()
			f(t, c)
		})
	}
}

// startBroker starts Mosquitto with what broker-config writes.
func (c *controller) startBroker() {
	c.t.Helper()
	if !c.mosquitto {
		return
	}
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil {
			c.t.Fatal("mosquitto is not installed; make setup installs it")
		}
	}
	c.configured = filepath.Join(c.t.TempDir(), "broker")
	c.configureBroker()
	config := filepath.Join(c.configured, "mosquitto.conf")
	if os.Getuid() == 0 { // the test's directory is not for Mosquitto's own user
		f, err := os.OpenFile(config, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			c.t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString("user root\n"); err != nil {
			c.t.Fatal(err)
		}
	}
	c.brokering = exec.Command(program, "-c", config)
	if err := c.brokering.Start(); err != nil {
		c.t.Fatal(err)
	}
}

// configureBroker writes what Mosquitto reads.
func (c *controller) configureBroker() {
	c.t.Helper()
	do(c.t, "", "latchkey-controller", "broker-config", "--dir", c.dir, "--listen", c.broker, "--out", c.configured)
}

// adopt makes a reader, and has Mosquitto know it.
func (c *controller) adopt(t testing.TB, id string) *testReader {
	t.Helper()
	r := c.testSite.adopt(t, id)
	c.knowReaders()
	return r
}

// knowReaders has Mosquitto know the readers as they are now.
func (c *controller) knowReaders() {
	c.t.Helper()
	if c.brokering == nil {
		return
	}
	c.configureBroker()
	for !catches(c.t, c.brokering.Process.Pid, syscall.SIGHUP) { // before, it would end it
		time.Sleep(time.Millisecond)
	}
	if err := c.brokering.Process.Signal(syscall.SIGHUP); err != nil {
		c.t.Fatal(err)
	}
}

// catches says whether a process handles a signal (proc_pid_status(5)).
func catches(t testing.TB, pid int, signal syscall.Signal) bool {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "\nSigCgt:\t")
	mask, _, _ := strings.Cut(after, "\n")
	caught, err := strconv.ParseUint(mask, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return caught>>(signal-1)&1 == 1
}

func (c *controller) stopBroker() {
	if c.brokering != nil {
		c.brokering.Process.Kill()
		c.brokering.Wait()
		c.brokering = nil
	}
}

// serve starts the controller.
func (c *controller) serve() {
	c.t.Helper()
	dir, err := programs()
	if err != nil {
		c.t.Fatal(err)
	}
	at := []string{"--listen", c.broker}
	if c.mosquitto {
		at = []string{"--broker", "ssl://" + c.broker}
	}
	console := c.console
	if console == "" {
		console = "off"
	}
	if c.api != "" {
		at = append(at, "--api", c.api)
	}
	c.serving = exec.Command(filepath.Join(dir, "latchkey-controller"), append([]string{"serve", "--dir", c.dir, "--console", console, "--adoption", "off"}, append(at, c.flags...)...)...)
	c.serving.Stderr, c.serving.Env = c.t.Output(), append(os.Environ(), c.env...)
	out, err := c.serving.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.serving.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.signIn = make(chan string, 1)
	go func(signIn chan<- string) {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if _, link, found := strings.Cut(lines.Text(), "first sign-in "); found {
				signIn <- link
			}
		}
	}(c.signIn)
}

// firstSignIn returns the one-time link that the controller says.
func (c *controller) firstSignIn() string {
	c.t.Helper()
	select {
	case link := <-c.signIn:
		return link
	case <-time.After(time.Minute):
		c.t.Fatal("the controller says no link for the first sign-in")
		return ""
	}
}

func (c *controller) stopServing() {
	if c.serving != nil {
		c.serving.Process.Signal(syscall.SIGTERM)
		c.serving.Wait()
		c.serving = nil
	}
}

// tell runs a command of the controller on the site.
func (c *controller) tell(stdin string, args ...string) string {
	c.t.Helper()
	return do(c.t, stdin, "latchkey-controller", append(args, "--dir", c.dir)...)
}

// record is one of what records --json prints, as far as tests look at it.
type record struct {
	Reader  string
	Journal string
	Number  uint64
	Kind    string
	By      string
}

// records returns what the controller has of all readers, by journal.
func (c *controller) records() map[string][]record {
	c.t.Helper()
	journals := map[string][]record{}
	for lines := json.NewDecoder(strings.NewReader(c.tell("", "records", "--json"))); lines.More(); {
		var r record
		if err := lines.Decode(&r); err != nil {
			c.t.Fatal(err)
		}
		journals[r.Journal] = append(journals[r.Journal], r)
	}
	return journals
}
