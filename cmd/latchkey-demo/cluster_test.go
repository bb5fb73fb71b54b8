package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestAClusterGoesOnWhateverIsKilled plays as somebody would who has read what the cluster prints.
func TestAClusterGoesOnWhateverIsKilled(t *testing.T) {
	t.Parallel()
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "cluster")
	c := runCluster(t, bin, dir)
	other := exec.Command(os.Args[0], "-cluster", "-bin", bin, "-dir", dir)
	other.Env = append(os.Environ(), runAsProgram+"=1")
	if out, err := other.CombinedOutput(); err == nil || !strings.Contains(string(out), "runs already") {
		t.Errorf("a second one in the same directory: %v: %s", err, out)
	}

	for i, r := range readers { // which hear of the second broker over the first one
		c.boards[i].eventually(r.id+" knows both brokers", func() bool {
			b, err := os.ReadFile(filepath.Join(dir, "readers", r.id, "data", "policy.cbor"))
			return err == nil && bytes.Contains(b, []byte(c.says(0, `broker-2 +process \d+ +([0-9.:]+)`)[1]))
		})
	}
	from := c.kill("controller-1")
	c.says(from, `demo +controller-2 leads now, \d+\.\d s after controller-1 had ended`)
	took := time.Now()
	for i := range readers {
		c.opensRemotely("controller-2", i)
	}
	if waited := time.Since(took); waited > 20*time.Second { // a reader reports to it within 3 s; by itself, each 30 s
		t.Errorf("all doors were opened from the controller that took over %v after it did", waited)
	}
	c.opensByPIN(0)
	c.comesBack(from, "controller-1")
	c.says(from, `controller-1 .*stands by for`)

	from = c.kill("broker-1")
	c.says(from, readers[1].id+` .*the controller answers`) // at the other broker
	c.opensRemotely("controller-2", 1)
	c.kill("postgresql")
	c.opensByPIN(2)
	c.comesBack(from, "broker-1")
	c.comesBack(from, "postgresql")
	leads := c.says(from, `(controller-[12]) .*: readers come to`)
	c.opensByPIN(1)
	c.opensRemotely(leads[1], 1)
	c.interrupt()

	again := runCluster(t, bin, dir)
	if again.pin != c.pin {
		t.Error("there is another PIN the next time")
	}
	again.opensByPIN(0)
	again.interrupt()

	early := startCluster(t, bin, filepath.Join(dir, "early"))
	early.says(0, `latchkey-controller reader add`) // it is being set up
	early.interrupt()
}

func TestAClusterTakesPortsAtRandomAtWhichNoConnectionBegins(t *testing.T) {
	t.Parallel()
	var begins int
	if b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err != nil {
		t.Fatal(err)
	} else if _, err := fmt.Sscan(string(b), &begins); err != nil {
		t.Fatal(err)
	}
	var one, other clusterFacts
	if err := errors.Join(one.choose(), other.choose()); err != nil {
		t.Fatal(err)
	}
	taken := map[string]bool{}
	for _, address := range one.addresses() {
		_, port, _ := net.SplitHostPort(*address)
		if n, err := strconv.Atoi(port); err != nil || n < 1024 || n >= begins || taken[port] {
			t.Errorf("%s is taken, and connections begin at %d", *address, begins)
		}
		taken[port] = true
	}
	if n := len(taken); n != 5+len(readers) || one == other {
		t.Errorf("%d addresses, %v and another time %v", n, one, other)
	}
}

func TestTheNewestIDOfAProcessIsKilled(t *testing.T) {
	t.Parallel()
	c := played{lines: []string{
		"  broker-1      process 11       127.0.0.1:1", "  broker-2      process 12       127.0.0.1:2",
		"demo          broker-1 is started again: process 21", "demo          broker-1 is started again: process 31"}}
	for name, want := range map[string]int{"broker-1": 31, "broker-2": 12, "broker": 0} {
		if id, lines := c.newest(name); id != want || lines != 4 {
			t.Errorf("%s: %d of %d lines", name, id, lines)
		}
	}
}

func TestTheReadmeSaysWhenAKilledProcessComesBack(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../README.md")
	if says := fmt.Sprintf("what was killed is started again after %.0f s", awayFor.Seconds()); err != nil || !strings.Contains(string(page), says) {
		t.Errorf("README does not say: %s (%v)", says, err)
	}
}

// A played is a cluster that runs.
type played struct {
	t      *testing.T
	bin    string
	dir    string
	cmd    *exec.Cmd
	pin    string
	boards []*house
	stderr bytes.Buffer
	ended  chan error

	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed when there is another line
}

// startCluster starts a cluster.
func startCluster(t *testing.T, bin, dir string) *played {
	t.Helper()
	c := &played{t: t, bin: bin, dir: dir, ended: make(chan error, 1), more: make(chan struct{})}
	c.cmd = exec.Command(os.Args[0], "-cluster", "-bin", bin, "-dir", dir, "-away", "3s")
	c.cmd.Env = append(os.Environ(), runAsProgram+"=1")
	c.cmd.Stderr = &c.stderr
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			c.mu.Lock()
			c.lines = append(c.lines, lines.Text())
			close(c.more)
			c.more = make(chan struct{})
			c.mu.Unlock()
		}
		c.ended <- c.cmd.Wait()
	}()
	t.Cleanup(func() {
		c.cmd.Process.Kill() // its processes end with it
		if t.Failed() {
			c.mu.Lock()
			defer c.mu.Unlock()
			t.Logf("%s\n%s", strings.Join(c.lines, "\n"), c.stderr.Bytes())
		}
	})
	return c
}

// runCluster starts a cluster and waits until it has printed what there is.
func runCluster(t *testing.T, bin, dir string) *played {
	t.Helper()
	c := startCluster(t, bin, dir)
	c.says(0, `Ctrl-C ends all`)
	c.pin = c.says(0, `Ada's PIN +(\d{8})`)[1]
	for _, r := range readers {
		c.boards = append(c.boards, &house{t: t, d: &demo{listen: c.says(0, r.id+` +process \d+ +page http://([0-9.:]+)/`)[1]}})
	}
	return c
}

// says waits for a line, of those from a number on, and returns its submatches.
func (c *played) says(from int, pattern string) []string {
	c.t.Helper()
	line := regexp.MustCompile(pattern)
	limit := time.After(90 * time.Second)
	for {
		c.mu.Lock()
		lines, more := c.lines[from:], c.more
		c.mu.Unlock()
		for _, text := range lines {
			if found := line.FindStringSubmatch(text); found != nil {
				return found
			}
		}
		select {
		case <-more:
		case err := <-c.ended:
			c.t.Fatalf("it has ended without %q: %v", pattern, err)
		case <-limit:
			c.t.Fatalf("it never says %q", pattern)
		}
	}
}

// newest returns the id of a process that was printed last, and how many lines there are.
func (c *played) newest(name string) (id, lines int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	printed := regexp.MustCompile(`\b` + name + `(?: is started again:)? +process (\d+)`)
	for _, text := range c.lines {
		if found := printed.FindStringSubmatch(text); found != nil {
			id, _ = strconv.Atoi(found[1])
		}
	}
	return id, len(c.lines)
}

// kill kills a process by the id that was printed last, and returns the number of the line after that.
func (c *played) kill(name string) (from int) {
	c.t.Helper()
	id, from := c.newest(name)
	if id == 0 {
		c.t.Fatal("no id was printed: ", name)
	}
	if err := syscall.Kill(id, syscall.SIGKILL); err != nil {
		c.t.Fatal(name, err)
	}
	c.says(from, `demo +`+name+` has ended \(signal: killed\); it is started again in 3 s`)
	return from
}

// comesBack waits until a process was started again.
func (c *played) comesBack(from int, name string) {
	c.t.Helper()
	c.says(from, `demo +`+name+` is started again: process \d+`)
}

// opensByPIN opens a door at its reader.
func (c *played) opensByPIN(reader int) {
	c.t.Helper()
	h := c.boards[reader]
	h.eventually("the strike is off", func() bool { on, err := h.line("strike"); return err == nil && !on })
	if err := h.typePIN(c.pin); err != nil || !h.strikes() {
		c.t.Errorf("the PIN does not open %s: %v", readers[reader].door, err)
	}
}

// opensRemotely opens a door from a controller.
func (c *played) opensRemotely(controller string, reader int) {
	c.t.Helper()
	var said []byte
	c.boards[reader].eventually(fmt.Sprintf("%s opens %s", controller, readers[reader].door), func() (opened bool) {
		var err error
		said, err = exec.Command(filepath.Join(c.bin, "latchkey-controller"), "unlock", "--dir", filepath.Join(c.dir, controller), readers[reader].id).CombinedOutput()
		return err == nil
	})
	if on, err := c.boards[reader].line("strike"); !on || err != nil {
		c.t.Errorf("%s, but the strike is on: %t, %v", said, on, err)
	}
}

// interrupt ends the cluster and sees that nothing is left of it.
func (c *played) interrupt() {
	c.t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGINT); err != nil {
		c.t.Error(err)
	}
	if err := <-c.ended; err != nil || c.stderr.Len() > 0 {
		c.t.Errorf("interrupted: %v\n%s", err, c.stderr.Bytes())
	}
	if left := processesOf(c.dir); len(left) > 0 {
		c.t.Errorf("processes are left: %q", left)
	}
}

// processesOf returns the command lines of those that name a directory, or work in it.
func processesOf(dir string) (found []string) {
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range all {
		line, _ := os.ReadFile(filepath.Join(p, "cmdline"))
		in, _ := os.Readlink(filepath.Join(p, "cwd"))
		if bytes.Contains(line, []byte(dir)) || strings.HasPrefix(in, dir) {
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}
