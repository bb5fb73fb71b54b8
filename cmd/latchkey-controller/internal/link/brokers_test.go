package link_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"latchkey/cmd/internal/freeport"
	"latchkey/cmd/latchkey-controller/internal/broker"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	readersync "latchkey/sync"
	"latchkey/sync/wire"
)

var brokerKills = flag.Int("broker-kills", 12, "how many `times` one of two brokers is killed: make torture kills more")

// A process is a Mosquitto that can be killed, frozen and started again.
type process struct {
	t      testing.TB
	config string
	url    string
	cmd    *exec.Cmd
}

// newProcess writes the configuration of a Mosquitto for the readers that there are, and starts it.
func (w *world) newProcess() *process {
	w.t.Helper()
	address, err := freeport.Address()
	if err != nil {
		w.t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(address)
	dir := filepath.Join(w.t.TempDir(), "mosquitto")
	m := &broker.Mosquitto{Site: w.site.Name, Address: "127.0.0.1", Port: port, Controller: site.ControllerName, Bridge: site.HomeAssistantName, Readers: []string{"front-door"}}
	if m.Authority, err = w.site.ReissuedRoot(); err != nil {
		w.t.Fatal(err)
	}
	if m.Certificate, err = w.site.BrokerCertificate(hosts, w.cell); err != nil {
		w.t.Fatal(err)
	}
	if m.Revoked, err = w.site.Revoked(w.t.Context(), time.Now()); err != nil {
		w.t.Fatal(err)
	}
	if err := m.Write(dir); err != nil {
		w.t.Fatal(err)
	}
	p := &process{t: w.t, config: filepath.Join(dir, broker.ConfigFile), url: "ssl://127.0.0.1:" + port}
	if os.Getuid() == 0 {
		appendTo(w.t, p.config, "user root\n")
	}
	p.start()
	w.t.Cleanup(p.kill)
	until(w.t, "it listens", func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return p
}

func (p *process) start() {
	p.t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		path = "/usr/sbin/mosquitto"
	}
	p.cmd = exec.Command(path, "-c", p.config)
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal("make setup installs Mosquitto: ", err)
	}
}

func (p *process) kill() {
	if p.cmd != nil {
		p.cmd.Process.Kill()
		p.cmd.Wait()
		p.cmd = nil
	}
}

// A moving reader is one with several brokers, and a controller that is connected to all of them.
type moving struct {
	*world
	reader  *reader
	brokers []*process

	writing sync.Mutex // one record at a time

	mu   sync.Mutex
	up   bool
	lost int // times
	done []wire.CommandID
	open bool

	policy uint64 // revision of the one in force
}

// newMoving makes a reader whose brokers are before, then two Mosquittos, which have to
// acknowledge within a time; 0: the usual.
func newMoving(t *testing.T, acknowledged time.Duration, before ...string) *moving {
	t.Helper()
	w := newWorld(t)
	b := newBoard(t)
	w.broker = "ssl://127.0.0.1:1" // in the bundle, which the reader here does not go by
	bundle := w.bundle("front-door", b)
	m := &moving{world: w, brokers: []*process{w.newProcess(), w.newProcess()}}
	urls := []string{m.brokers[0].url, m.brokers[1].url}
	own, err := w.site.ControllerCertificate()
	if err != nil {
		t.Fatal(err)
	}
	l, err := link.New(link.Options{Site: w.site, Cell: store.HomeCell, Brokers: urls, Name: site.ControllerName, Log: w.log(), Certificate: own, Readers: func(context.Context, map[string]*site.Peer) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() { done <- l.Run(ctx) }()
	w.link = l
	if m.reader, err = openReader(t.TempDir(), b, bundle, slices.Concat(before, urls), acknowledged, m.hear); err != nil {
		t.Fatal(err)
	}
	go func() { done <- m.reader.run(ctx) }()
	w.stop = func() {
		cancel()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
	return m
}

func (m *moving) hear(news readersync.News) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch n := news.(type) {
	case readersync.LinkChanged:
		if m.up = n.Up; !n.Up && n.Why != "connected anew" {
			m.lost++
		}
	case readersync.PolicyChanged:
		m.policy = n.Policy.Policy().Revision
	case readersync.Command:
		m.done = append(m.done, n.ID)
		go m.record(wire.Record{Kind: wire.AccessGranted, By: "remote", Seconds: 5, Command: n.ID, Order: n.Order})
	}
}

func (m *moving) isUp() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.up
}

func (m *moving) record(r wire.Record) {
	m.writing.Lock()
	defer m.writing.Unlock()
	if _, err := m.reader.journal.Append(r); err != nil {
		m.t.Error(err)
	}
	m.reader.client.Recorded()
}

// live has something happen at the door, which the reader reports.
func (m *moving) live() {
	m.record(wire.Record{Kind: wire.ExitPressed})
	m.mu.Lock()
	m.open = !m.open
	door := wire.DoorIsClosed
	if m.open {
		door = wire.DoorIsOpen
	}
	policy := m.policy
	m.mu.Unlock()
	m.reader.client.Report(readersync.Report{Policy: policy, Condition: wire.Condition{Strike: wire.StrikeOff, Door: door, Mode: &wire.ModeState{Mode: wire.ModeNormal}}})
}

// lostNothing waits until the controller has each record, once, and the reader the whole log.
func (m *moving) lostNothing() {
	m.t.Helper()
	last, _ := m.reader.journal.Last()
	until(m.t, "the controller has all records", func() bool {
		records, _ := m.stored("front-door")
		return uint64(len(records)) >= last
	})
	until(m.t, "the reader is in step", func() bool {
		log, err := m.site.Log(m.t.Context(), wire.Position{})
		if err != nil {
			m.t.Fatal(err)
		}
		return m.reader.cache.Held() == log.Position
	})
	records, alarms := m.stored("front-door")
	seen := map[uint64]bool{}
	for _, r := range records {
		if seen[r.Number] || r.Number > last {
			m.t.Errorf("record %d is there twice, or was never made", r.Number)
		}
		seen[r.Number] = true
	}
	if uint64(len(records)) != last || len(alarms) > 0 {
		m.t.Errorf("%d of %d records, %d alarms", len(records), last, len(alarms))
	}
}

// isAt says whether the reader's link is over a broker, and the other one has only the controller.
func (m *moving) isAt(want int) bool {
	other := m.brokers[1-want]
	return m.isUp() && connections(m.t, m.brokers[want].url) == 2 && (other.cmd == nil || connections(m.t, other.url) == 1)
}

// connections counts the established connections to a broker of this machine: the controller's and
// the reader's.
func connections(t testing.TB, url string) (n int) {
	t.Helper()
	b, err := wire.ParseBroker(url)
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile("/proc/self/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	var port int
	fmt.Sscan(b.Port, &port)
	for line := range slices.Values(splitLines(string(table))) {
		if len(line) > 3 && line[1] == fmt.Sprintf("0100007F:%04X", port) && line[3] == "01" {
			n++
		}
	}
	return n
}

func TestAReaderGoesOverWhenItsBrokerIsKilledAndComesBack(t *testing.T) {
	t.Parallel()
	m := newMoving(t, 0, "ssl://nowhere.invalid:8883") // an address that never resolves is passed over
	until(t, "it is at the first that works", func() bool { return m.isAt(0) })
	m.live()
	m.brokers[0].kill()
	m.live()
	m.addUsers(2)
	until(t, "it is at the next one", func() bool { return m.isAt(1) })
	m.lostNothing()
	readers, err := m.link.Readers(t.Context())
	if err != nil || readers[0].Broker != m.brokers[1].url {
		t.Errorf("it is heard over %s, and not %s: %v", readers[0].Broker, m.brokers[1].url, err)
	}
	status, _ := m.link.Brokers(m.t.Context())
	if status[0].Up || status[0].Why == "" || !status[1].Up || status[1].URL != m.brokers[1].url {
		t.Errorf("%+v", status)
	}
	outcome, err := m.link.Order(t.Context(), store.Order{Reader: "front-door", Order: wire.Unlock, Who: "x"}, nil)
	if err != nil || !outcome.Done {
		t.Errorf("an order over the other broker: %+v, %v", outcome, err)
	}
	m.mu.Lock()
	if len(m.done) != 1 {
		t.Errorf("it is carried out %d times", len(m.done))
	}
	m.mu.Unlock()

	// What changed while the broker was away is there once the controller has found it again.
	m.brokers[0].start()
	m.addUsers(1)
	until(t, "it is at the first again", func() bool {
		m.live()
		time.Sleep(100 * time.Millisecond)
		return m.isAt(0)
	})
	m.lostNothing()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lost != 1 {
		t.Errorf("the link was lost %d times", m.lost)
	}
}

func TestNothingIsLostWhicheverBrokerIsKilled(t *testing.T) {
	t.Parallel()
	m := newMoving(t, 0)
	until(t, "its link is up", m.isUp)
	random := rand.New(rand.NewPCG(5, 6))
	between := func(low, high int) {
		time.Sleep(time.Duration(low+random.IntN(high-low)) * time.Millisecond)
	}
	for n := range *brokerKills {
		p := m.brokers[random.IntN(2)]
		for range 5 {
			m.live()
			between(10, 200)
		}
		p.kill()
		m.live()
		if n%4 == 3 {
			m.addUsers(1)
		}
		if random.IntN(4) == 0 { // both are away for a while
			other := m.brokers[0]
			if other == p {
				other = m.brokers[1]
			}
			other.kill()
			between(100, 2000)
			other.start()
		}
		between(10, 1500)
		p.start()
	}
	until(t, "its link is up again", m.isUp)
	m.live()
	m.lostNothing()
}

func TestAFrozenBrokerIsLeft(t *testing.T) {
	t.Parallel()
	m := newMoving(t, 3*time.Second)
	until(t, "it is at the first", func() bool { return m.isAt(0) })
	frozen := m.brokers[0].cmd.Process
	if err := frozen.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer frozen.Signal(syscall.SIGCONT)
	began := time.Now()
	m.live()
	m.addUsers(1)
	for deadline := began.Add(2 * time.Minute); ; {
		time.Sleep(200 * time.Millisecond)
		last, _ := m.reader.journal.Last()
		if records, _ := m.stored("front-door"); uint64(len(records)) == last {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it stays")
		}
	}
	t.Logf("left after %v", time.Since(began).Round(time.Second))
	m.lostNothing()
	frozen.Signal(syscall.SIGCONT)
	for range 10 {
		m.live()
		time.Sleep(200 * time.Millisecond)
	}
	m.lostNothing()
}

func splitLines(table string) (lines [][]string) {
	for line := range strings.Lines(table) {
		lines = append(lines, strings.Fields(line))
	}
	return lines
}
