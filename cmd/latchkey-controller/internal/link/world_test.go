package link_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"latchkey/cmd/internal/freeport"
	"latchkey/cmd/latchkey-controller/internal/backup"
	"latchkey/cmd/latchkey-controller/internal/backup/backuptest"
	"latchkey/cmd/latchkey-controller/internal/broker"
	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/site/sitetest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A world is a site with its broker, and a controller that may run on it.
type world struct {
	t       testing.TB
	dir     string
	site    *site.Site
	broker  string // URL
	serials atomic.Pointer[map[string]*site.Peer]
	letIn   atomic.Pointer[map[string]string] // by the embedded broker: serial numbers of all readers of the site
	expel   func()
	adopted bool   // a reader was, and a Mosquitto does not know it
	known   func() // has a Mosquitto know all readers
	link    *link.Link
	term    uint64 // of its lead
	cell    int64  // that it serves
	settle  time.Duration
	stop    func()
	users   int
	errors  atomic.Int64 // lines of the log that tell of one
	said    mosquittoLog
}

// onEachBroker runs a test with the embedded broker and with Mosquitto.
func onEachBroker(t *testing.T, test func(t *testing.T, w *world)) {
	for name, start := range map[string]func(*world){"embedded": (*world).embed, "mosquitto": (*world).mosquitto} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			start(w)
			test(t, w)
		})
	}
}

// newSite writes the files of a new site.
var newSite = sitetest.Once(func(dir, database string) error {
	s, err := site.Create(context.Background(), dir, database, "home", "UTC", clock.Read())
	if err != nil {
		return err
	}
	return s.Close()
})

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldOn(t, t.TempDir())
}

// newWorldOn keeps the site on a disk.
func newWorldOn(t testing.TB, disk string) *world {
	t.Helper()
	w := &world{t: t, dir: filepath.Join(disk, "site"), expel: func() {}, known: func() {}, said: mosquittoLog{t: t}, cell: store.HomeCell}
	newSite(t, w.dir)
	s, err := site.Open(t.Context(), w.dir)
	if err != nil {
		t.Fatal(err)
	}
	w.site = s
	t.Cleanup(func() {
		w.end()
		w.site.Close()
	})
	return w
}

var hosts = []string{"localhost", "127.0.0.1"}

func (w *world) log() *slog.Logger {
	return slog.New(slog.NewTextHandler(testLog{w.t, &w.errors}, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// testLog writes a test's log, while it runs, and counts the errors in it.
type testLog struct {
	t      testing.TB
	errors *atomic.Int64
}

func (l testLog) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("level=ERROR")) {
		l.errors.Add(1)
	}
	if l.t.Context().Err() == nil {
		l.t.Log(string(bytes.TrimSpace(b)))
	}
	return len(b), nil
}

// readers is Options.Readers of links to the embedded broker.
func (w *world) readers(ctx context.Context, peers map[string]*site.Peer) error {
	all, err := w.site.Serials(ctx)
	if err == nil {
		w.letIn.Store(&all)
		w.serials.Store(&peers)
	}
	return err
}

// embed starts the embedded broker.
func (w *world) embed() {
	b, err := broker.Start(w.t.Context(), "127.0.0.1:0", broker.Options{
		Site: w.site.Name, Certificate: w.site.HostCertificates(hosts, w.cell).Certificate, Authority: w.site.Authority(), Controller: site.ControllerName, Bridge: site.HomeAssistantName, Log: w.log(),
		InForce: func(name, serial string) bool {
			if all := w.letIn.Load(); all != nil && (*all)[name] != "" {
				return (*all)[name] == serial
			}
			brokerClients, err := w.site.BrokerClients(context.Background())
			return err == nil && brokerClients[name] == serial
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { b.Close() })
	w.broker, w.expel = "ssl://"+b.Addr().String(), b.Expel
}

// mosquitto starts Mosquitto with the configuration that the controller writes.
func (w *world) mosquitto() {
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil {
			w.t.Fatal("mosquitto is not installed; make setup installs it")
		}
	}
	address, err := freeport.Address()
	if err != nil {
		w.t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(address)
	w.broker = "ssl://127.0.0.1:" + port
	dir := filepath.Join(w.t.TempDir(), "mosquitto")
	m := &broker.Mosquitto{Site: w.site.Name, Address: "127.0.0.1", Port: port, Controller: site.ControllerName, Bridge: site.HomeAssistantName}
	if m.Authority, err = w.site.ReissuedRoot(); err != nil {
		w.t.Fatal(err)
	}
	if m.Certificate, err = w.site.BrokerCertificate(hosts, w.cell); err != nil {
		w.t.Fatal(err)
	}
	config := filepath.Join(dir, broker.ConfigFile)
	more := "log_type information\n"
	if os.Getuid() == 0 { // the test's directory is not for Mosquitto's own user
		more += "user root\n"
	}
	write := func() {
		if m.Revoked, err = w.site.Revoked(w.t.Context(), time.Now()); err != nil {
			w.t.Fatal(err)
		}
		peers, _, err := w.site.Peers(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		m.Readers = slices.Collect(maps.Keys(peers))
		brokerClients, err := w.site.BrokerClients(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		m.BrokerClients = slices.Collect(maps.Keys(brokerClients))
		w.adopted = false
		if err := m.Write(dir); err != nil {
			w.t.Fatal(err)
		}
		appendTo(w.t, config, more)
	}
	var stop func()
	start := func() {
		write()
		before, _ := w.said.counts()
		cmd := exec.Command(path, "-c", config)
		cmd.Stderr, cmd.Stdout = &w.said, &w.said
		if err := cmd.Start(); err != nil {
			w.t.Fatal(err)
		}
		w.said.pid = cmd.Process.Pid
		w.said.tell = func() {
			more += "log_type debug\n"
			write()
			cmd.Process.Signal(syscall.SIGHUP)
		}
		w.known = func() {
			if !w.adopted {
				return
			}
			write()
			_, before := w.said.counts()
			var asked time.Time
			until(w.t, "mosquitto has read its configuration anew", func() bool {
				if time.Since(asked) > time.Second { // it forgets what it is asked while it still reads
					asked = time.Now()
					cmd.Process.Signal(syscall.SIGHUP)
				}
				_, reloads := w.said.counts()
				return reloads > before
			})
		}
		stop = func() {
			cmd.Process.Kill()
			cmd.Wait()
		}
		until(w.t, "mosquitto runs", func() bool {
			runs, _ := w.said.counts()
			return runs > before
		})
	}
	start()
	w.t.Cleanup(func() { stop() })
	w.expel = func() { // a restart with the new list of revoked certificates
		stop()
		start()
	}
}

// appendTo adds to a file.
func appendTo(t testing.TB, name, text string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(text)
		f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// serve runs the controller.
func (w *world) serve() {
	w.t.Helper()
	w.known()
	own, err := w.site.ControllerCertificate()
	if err != nil {
		w.t.Fatal(err)
	}
	l, err := link.New(link.Options{
		Site: w.site, Brokers: []string{w.broker}, Name: site.ControllerName, Log: w.log(),
		Certificate: own, Term: w.term, Cell: w.cell, SettleAfter: w.settle,
		Readers: w.readers,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	w.link = l
	w.stop = func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	}
}

// end ends the controller if it runs.
func (w *world) end() {
	if w.stop != nil {
		w.stop()
		w.stop, w.link = nil, nil
	}
}

// adopt makes a board a reader.
func (w *world) adopt(id string, b *board) *model {
	w.t.Helper()
	m := newModel(w.t, b, w.bundle(id, b))
	w.t.Cleanup(m.disconnect)
	return m
}

// bundle answers a board's request.
func (w *world) bundle(id string, b *board) *wire.Bundle {
	w.t.Helper()
	signed, err := b.request.Sign(b.signing)
	if err != nil {
		w.t.Fatal(err)
	}
	var sealed []byte
	err = w.site.Update(w.t.Context(), func(tx *store.Tx) error {
		policy, _, err := site.PolicyOrNew(tx, id)
		if err == nil {
			_, sealed, err = w.site.Adopt(tx, time.Now(), signed, strings.Fields(w.broker), policy)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.adopted = true
	bundle, err := wire.OpenBundle(sealed, b.request, b.sealing)
	if err != nil {
		w.t.Fatal(err)
	}
	return bundle
}

// reader adopts a reader and connects it; its link is up.
func (w *world) reader(id string) *model {
	w.t.Helper()
	m := w.adopt(id, newBoard(w.t))
	w.connect(m)
	return m
}

// connect connects a reader, once it is let in, and waits for its link.
func (w *world) connect(m *model) {
	w.t.Helper()
	w.known()
	until(w.t, m.bundle.Reader+" connects", func() bool { return m.connect(w.broker) == nil })
	said := 0
	until(w.t, m.bundle.Reader+"'s link is up", func() bool {
		if m.answeredStates() > 0 {
			return true
		}
		if said++; said%60 == 0 { // the embedded broker may forget a client whose last connection has just ended
			m.disconnect()
			m.connect(w.broker)
		}
		m.say()
		time.Sleep(50 * time.Millisecond)
		return false
	})
}

// elsewhere does something to the site as another process would.
func (w *world) elsewhere(act func(*site.Site, *store.Tx) error) {
	w.t.Helper()
	other, err := site.Open(w.t.Context(), w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	defer other.Close()
	if err := other.Update(w.t.Context(), func(tx *store.Tx) error { return act(other, tx) }); err != nil {
		w.t.Fatal(err)
	}
}

// editPolicy edits the policy of front-door as another process would.
func (w *world) editPolicy(now time.Time, edit func(*wire.Policy)) {
	w.t.Helper()
	w.elsewhere(func(_ *site.Site, tx *store.Tx) error {
		p, err := site.Policy(tx, "front-door")
		if err != nil {
			return err
		}
		edit(p)
		return site.SetPolicy(tx, now, p)
	})
}

// backUp writes a backup of the site, in SQLite, to a file, and returns what opens it.
func (w *world) backUp(path string) backup.Identities {
	w.t.Helper()
	postgrestest.SQLiteOnly(w.t)
	f, err := os.Create(path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	if err := w.site.Backup(w.t.Context(), time.Now(), backuptest.Recipients(w.t), f); err != nil {
		w.t.Fatal(err)
	}
	return backuptest.Identities(w.t)
}

// addUsers adds users with a card each.
func (w *world) addUsers(n int) {
	w.t.Helper()
	w.elsewhere(func(s *site.Site, tx *store.Tx) error {
		for range n {
			w.users++
			uid := []byte{4, 1, 2, 3, byte(w.users >> 16), byte(w.users >> 8), byte(w.users)}
			if err := s.AddUser(tx, time.Now(), "somebody", &store.User{Name: fmt.Sprint("User ", w.users), Groups: []string{"staff"}}, nil, [][]byte{uid}); err != nil {
				return err
			}
		}
		return nil
	})
}

// inStep waits until a reader holds the log's head.
func (w *world) inStep(m *model) {
	w.t.Helper()
	until(w.t, m.bundle.Reader+" is in step", func() bool {
		log, err := w.site.Log(w.t.Context(), wire.Position{})
		if err != nil {
			w.t.Fatal(err)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.held == log.Position
	})
	report, err := w.site.Check(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	if n := len(m.credentials()); n != report.Credentials {
		w.t.Errorf("%s holds %d credentials, not %d", m.bundle.Reader, n, report.Credentials)
	}
}

// stored returns the records of a reader that the controller has, and alarms.
func (w *world) stored(id string) ([]*store.Record, []*store.Alarm) {
	w.t.Helper()
	var records []*store.Record
	var alarms []*store.Alarm
	err := w.site.View(w.t.Context(), func(tx *store.Tx) (err error) {
		if records, err = tx.Records(store.Filter{Reader: id}); err == nil {
			alarms, err = tx.Alarms(store.Filter{Reader: id})
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return records, alarms
}

// holdsAll checks that the controller has each record of a reader once, chained.
func (w *world) holdsAll(m *model) {
	w.t.Helper()
	records, _ := w.stored(m.bundle.Reader)
	byNumber := map[uint64]*store.Record{}
	for _, r := range records {
		if byNumber[r.Number] != nil {
			w.t.Errorf("record %d is there twice", r.Number)
		}
		byNumber[r.Number] = r
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(records) != len(m.records) {
		w.t.Errorf("%d records, not %d", len(records), len(m.records))
	}
	for i, b := range m.records {
		if r := byNumber[uint64(i+1)]; r == nil || !bytes.Equal(r.Encoded, b) {
			w.t.Errorf("record %d is missing or another one", i+1)
		}
	}
}

// roots returns a pool with the certificate of a site's authority.
func roots(s *site.Site) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.Authority())
	return pool
}
