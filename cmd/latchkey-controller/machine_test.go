package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/cmd/latchkey-controller/internal/vault"
)

// eventually waits until something is so, for up to 90 s.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(90 * time.Second); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in 90 s: %s", what)
		}
	}
}

// A machine has a controller of a site whose database and broker are elsewhere.
type machine struct {
	*network
	t                *testing.T
	dir              string
	database, broker *cable    // at databaseAt and brokerAt
	prefix           []string  // of command lines
	wall             *wall     // nil: the clock is right
	cmd              *exec.Cmd // of serve
	ended            chan error

	mu    sync.Mutex
	said  bytes.Buffer
	rest  []byte
	leads bool // by what its controller has said
}

const databaseAt, brokerAt = "127.0.0.1:5432", "127.0.0.1:8883"

// Write takes what a controller says.
func (m *machine) Write(b []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.said.Write(b)
	m.rest = append(m.rest, b...)
	for {
		line, rest, whole := bytes.Cut(m.rest, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		m.rest = rest
		switch {
		case bytes.Contains(line, []byte(": readers come to ")):
			m.leads = true
		case bytes.Contains(line, []byte("this controller leads no more")):
			m.leads = false
		}
	}
}

func (m *machine) log() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.said.String()
}

func (m *machine) isLeader() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.leads
}

// command is a command line of the program, about the site, on the machine.
func (m *machine) command(args ...string) *exec.Cmd {
	line := append(append(m.prefix[:len(m.prefix):len(m.prefix)], os.Args[0]), append(args, "--dir", m.dir)...)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = append(os.Environ(), runAsProgram+"=1")
	if m.wall != nil {
		cmd.Env = append(cmd.Env, wallFile+"="+m.wall.file)
	}
	return cmd
}

// boot has the machine's controllers see that it is another machine than the test's: it began at another moment.
func (m *machine) boot() {
	m.t.Helper()
	file := filepath.Join(m.t.TempDir(), "boot_id")
	if err := os.WriteFile(file, []byte(m.dir+"\n"), 0o444); err != nil {
		m.t.Fatal(err)
	}
	m.prefix = []string{"unshare", "--mount", "sh", "-c", `mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"`, file}
	if out, err := exec.Command(m.prefix[0], append(m.prefix[1:], "true")...).CombinedOutput(); err != nil {
		m.t.Skipf("a mount namespace needs rights: %v %s", err, out)
	}
}

// do carries out a command, and returns what it says.
func (m *machine) do(args ...string) (said string, err error) {
	var out bytes.Buffer
	cmd := m.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	m.run(func() { err = cmd.Start() })
	if err == nil {
		err = cmd.Wait()
	}
	return out.String(), err
}

// serve starts the controller.
func (m *machine) serve() {
	m.t.Helper()
	m.cmd, m.ended = m.command("serve", "--broker", "ssl://"+brokerAt, "--console", "off", "--adoption", "off"), make(chan error, 1)
	m.cmd.Stdout, m.cmd.Stderr = m, m
	var err error
	m.run(func() { err = m.cmd.Start() })
	if err != nil {
		m.t.Fatal(err)
	}
	cmd, ended := m.cmd, m.ended
	go func() { ended <- cmd.Wait(); close(ended) }()
	m.t.Cleanup(func() { m.end(syscall.SIGKILL) })
}

// end ends the controller with a signal.
func (m *machine) end(signal syscall.Signal) error {
	m.cmd.Process.Signal(signal)
	err := <-m.ended
	m.mu.Lock()
	defer m.mu.Unlock()
	m.leads = false
	return err
}

// alive fails the test if the controller has ended.
func (m *machine) alive() {
	m.t.Helper()
	select {
	case err := <-m.ended:
		m.t.Fatalf("it ended: %v: %s", err, m.log())
	default:
	}
}

// A pair is two machines with controllers of one site, its broker, and a reader that reports there.
type pair struct {
	t        *testing.T
	machines [2]*machine
	reporter *reporter
	at       string // a directory from which the test opens the site
	client   mqtt.Client
	expected []string // kinds of alarms
}

// newPair makes a site in a database with an address, and a pair whose database is where to connects. The controllers do not run yet.
func newPair(t *testing.T, address, name string, to ...func() (net.Conn, error)) *pair {
	t.Helper()
	p := &pair{t: t, at: filepath.Join(t.TempDir(), "site")}
	p.reporter = newReporterIn(t, p.at, address)
	url, _ := startMosquitto(t, p.at)
	for i := range p.machines {
		m := &machine{network: newNetwork(t), t: t, dir: filepath.Join(t.TempDir(), "site")}
		var hosts []string
		for i, to := range to {
			host := fmt.Sprintf("127.0.0.1:%d", 5432+i)
			cable := newCable(t, m.network, host, to)
			if hosts = append(hosts, host); i == 0 {
				m.database = cable
			}
		}
		m.broker = newCable(t, m.network, brokerAt, func() (net.Conn, error) { return net.Dial("tcp", strings.TrimPrefix(url, "ssl://")) })
		copyDirectory(t, p.at, m.dir, "postgres://postgres@"+strings.Join(hosts, ",")+"/"+name)
		p.machines[i] = m
	}
	t.Cleanup(func() {
		if t.Failed() {
			for i, m := range p.machines {
				t.Logf("controller %d: %s", i, m.log())
			}
		}
	})
	p.client = p.reporter.connect(url)
	t.Cleanup(func() { p.client.Disconnect(0) })
	return p
}

// newPairAt is newPair with a new database of a server.
func newPairAt(t *testing.T, server *postgrestest.Own, name string) *pair {
	t.Helper()
	return newPair(t, server.New(name), name, dial(server))
}

// dial connects to a server of the test.
func dial(server *postgrestest.Own) func() (net.Conn, error) {
	return func() (net.Conn, error) {
		return net.Dial("unix", filepath.Join(server.Dir, fmt.Sprintf(".s.PGSQL.%d", server.Port)))
	}
}

// copyDirectory makes a directory for another controller of a site.
func copyDirectory(t *testing.T, from, to, address string) {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(from, vault.KeyFile))
	if err == nil {
		err = errors.Join(os.Mkdir(to, 0o700), os.WriteFile(filepath.Join(to, vault.KeyFile), key, 0o600), os.WriteFile(filepath.Join(to, store.AddressFile), []byte(address+"\n"), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// serve starts both controllers; the first of the machines leads.
func (p *pair) serve() {
	p.t.Helper()
	p.machines[0].serve()
	p.leads(p.machines[0])
	p.machines[1].serve()
	eventually(p.t, "the other one stands by", func() bool { return strings.Contains(p.machines[1].log(), ": stands by for ") })
}

// leads waits until a machine's controller leads, and no other one does.
func (p *pair) leads(m *machine) {
	p.t.Helper()
	p.eventually("it leads, and no other one", func() bool { return p.leader() == m })
}

// eventually is the function.
func (p *pair) eventually(what string, is func() bool) {
	p.t.Helper()
	eventually(p.t, what, is)
}

// leader returns who leads; nil: none, or both.
func (p *pair) leader() *machine {
	one, other := p.machines[0], p.machines[1]
	switch first, second := one.isLeader(), other.isLeader(); {
	case first && !second:
		return one
	case second && !first:
		return other
	}
	return nil
}

// leading waits until one leads.
func (p *pair) leading() (leader *machine) {
	p.t.Helper()
	p.eventually("one leads, and not both", func() bool { leader = p.leader(); return leader != nil })
	return leader
}

func (p *pair) other(m *machine) *machine {
	if m == p.machines[0] {
		return p.machines[1]
	}
	return p.machines[0]
}

// report has the reader report n records, and waits until all of them are acknowledged.
func (p *pair) report(n int) {
	p.t.Helper()
	p.send(n)
	p.acknowledged(p.sent())
}

// acknowledged waits until n records are acknowledged.
func (p *pair) acknowledged(n int) {
	p.t.Helper()
	again := time.Now()
	p.eventually("all records are acknowledged", func() bool {
		p.reporter.mu.Lock()
		done := int(p.reporter.acked) >= n
		p.reporter.mu.Unlock()
		if !done && time.Since(again) > 300*time.Millisecond {
			again = time.Now()
			p.send(0)
		}
		return done
	})
}

// sent returns how many records the reader has made.
func (p *pair) sent() int {
	p.reporter.mu.Lock()
	defer p.reporter.mu.Unlock()
	return len(p.reporter.records)
}

// moved has the test open the site at another server.
func (p *pair) moved(server *postgrestest.Own) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.at, store.AddressFile), []byte(server.Address("site", "postgres")+"\n"), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// send has the reader report n records.
func (p *pair) send(n int) { p.reporter.report(p.client, n) }

// check checks that one leads, that all records are stored, each once, and that the site is whole.
func (p *pair) check() {
	p.t.Helper()
	p.leading()
	p.report(3)
	s, err := site.Open(p.t.Context(), p.at)
	if err != nil {
		p.t.Fatal(err)
	}
	defer s.Close()
	p.reporter.check(s, len(p.reporter.records), append(p.expected, store.LeadTakenOver)...)
	if _, err := s.Check(p.t.Context()); err != nil {
		p.t.Error(err)
	}
	p.eventually("the database has one controller that leads", func() bool {
		controllers, err := s.Controllers(p.t.Context())
		leaders := 0
		for _, c := range controllers {
			if c.Leads {
				leaders++
			}
		}
		return err == nil && leaders == 1
	})
	for _, m := range p.machines {
		if strings.Contains(m.log(), "panic") || strings.Contains(m.log(), "DATA RACE") {
			p.t.Error(m.log())
		}
	}
}
