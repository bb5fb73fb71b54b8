package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// runAsProgram makes the test binary the program itself.
const runAsProgram = "LATCHKEY_TEST_RUN"

// A killable controller is a process that serves a site.
type killable struct {
	cmd    *exec.Cmd
	broker string
}

// killIfLate kills a process that has not said within a minute what a test waits for; done says that it has.
func killIfLate(cmd *exec.Cmd) (done func() bool) {
	return time.AfterFunc(time.Minute, func() { cmd.Process.Kill() }).Stop
}

func serveProcess(t *testing.T, dir string) *killable {
	t.Helper()
	cmd := exec.Command(os.Args[0], "serve", "--dir", dir, "--listen", "127.0.0.1:0", "--console", "off", "--adoption", "off")
	cmd.Env = append(os.Environ(), runAsProgram+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer killIfLate(cmd)()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	_, address, ok := strings.Cut(strings.TrimSpace(line), "readers come to ")
	if !ok {
		t.Fatalf("%q", line)
	}
	return &killable{cmd, "ssl://" + address}
}

func (k *killable) kill() {
	k.cmd.Process.Kill()
	k.cmd.Wait()
}

// A reporter is a reader that reports records until they are acknowledged.
type reporter struct {
	t       *testing.T
	bundle  *wire.Bundle
	signing crypto.Signer
	tls     *tls.Config
	journal wire.JournalID
	records [][]byte

	mu     sync.Mutex
	acked  uint64
	states uint64
}

// newReporter makes a site and a reader of it.
func newReporter(t *testing.T, dir string) *reporter {
	t.Helper()
	return newReporterIn(t, dir, "")
}

// newReporterIn does that with a database.
func newReporterIn(t *testing.T, dir, database string) *reporter {
	t.Helper()
	s, err := site.Create(t.Context(), dir, database, "home", "UTC", clock.Read())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := &reporter{t: t, journal: wire.JournalID{1}}
	b := boardtest.New(t)
	r.signing = b.Signing
	var sealed []byte
	err = s.Update(t.Context(), func(tx *store.Tx) error {
		policy, _, err := site.PolicyOrNew(tx, "front-door")
		if err == nil {
			_, sealed, err = s.Adopt(tx, time.Now(), b.Signed, nil, policy)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.bundle, err = wire.OpenBundle(sealed, b.Request, b.Sealing); err != nil {
		t.Fatal(err)
	}
	r.tls = &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots(s), Certificates: []tls.Certificate{{Certificate: [][]byte{r.bundle.Certificate}, PrivateKey: b.TLS}}}
	return r
}

// connect connects to a broker that may not know the reader yet.
func (r *reporter) connect(broker string) mqtt.Client {
	r.t.Helper()
	for range 200 {
		client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(broker).SetClientID("front-door").SetAutoReconnect(false).SetTLSConfig(r.tls))
		if token := client.Connect(); token.WaitTimeout(10*time.Second) && token.Error() == nil {
			if token := client.Subscribe(wire.OnAck.Topic("home", "front-door"), 1, r.ack); token.WaitTimeout(10*time.Second) && token.Error() == nil {
				return client
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	r.t.Fatal("the broker lets nobody in")
	return nil
}

func (r *reporter) ack(_ mqtt.Client, m mqtt.Message) {
	ack, err := wire.OpenAck(r.bundle.Site, m.Payload(), r.bundle.Controller[:])
	if err != nil {
		r.t.Error(err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if ack.Number > uint64(len(r.records)) || ack.Hash != wire.Sum(r.records[ack.Number-1]) {
		r.t.Errorf("acknowledged: record %d, which is not that", ack.Number)
		return
	}
	r.acked = max(r.acked, ack.Number)
}

// report adds records and sends what is not acknowledged.
func (r *reporter) report(client mqtt.Client, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for range n {
		record := wire.Record{Number: uint64(len(r.records)) + 1, Kind: wire.AccessGranted, Time: 1, User: 1}
		if len(r.records) > 0 {
			record.Before = wire.Sum(r.records[len(r.records)-1])
		}
		r.records = append(r.records, wire.Marshal(&record))
	}
	if int(r.acked) == len(r.records) {
		return
	}
	batch := &wire.Records{Reader: "front-door", Journal: r.journal, First: 1, Records: r.records[r.acked:min(len(r.records), int(r.acked)+20)]}
	signed, err := batch.Sign(r.bundle.Site, r.signing)
	if err != nil {
		r.t.Fatal(err)
	}
	client.Publish(wire.OnRecords.Topic("home", "front-door"), 1, false, signed)
}

// state reports the reader's state, which the controller answers with the time.
func (r *reporter) state(client mqtt.Client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.states++
	state := &wire.State{Reader: "front-door", Connection: 1, Counter: r.states, Journal: r.journal, Condition: &wire.Condition{Strike: wire.StrikeOff, Door: wire.DoorIsClosed}}
	rand.Read(state.Nonce[:])
	signed, err := state.Sign(r.bundle.Site, r.signing)
	if err != nil {
		r.t.Fatal(err)
	}
	client.Publish(wire.OnState.Topic("home", "front-door"), 1, true, signed)
}

func TestAControllerThatIsKilledHasWhatItAcknowledgedOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "site")
	r := newReporter(t, dir)
	for round := range 12 {
		k := serveProcess(t, dir)
		client := r.connect(k.broker)
		for range mathrand.IntN(12) {
			r.report(client, mathrand.IntN(4))
			time.Sleep(time.Duration(mathrand.IntN(15)) * time.Millisecond)
		}
		r.report(client, 1)
		time.Sleep(time.Duration(mathrand.IntN(3000)) * time.Microsecond) // between store and acknowledgement, at times
		k.kill()
		client.Disconnect(0)
		s, err := site.Open(t.Context(), dir)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		r.check(s, int(r.acked))
		s.Close()
	}
	k := serveProcess(t, dir)
	defer k.kill()
	client := r.connect(k.broker)
	defer client.Disconnect(0)
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		r.mu.Lock()
		done := int(r.acked) == len(r.records)
		r.mu.Unlock()
		if done {
			break
		}
		if time.Now().After(end) {
			t.Fatal("not all are acknowledged")
		}
		r.report(client, 0)
	}
	s, err := site.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r.check(s, len(r.records))
	t.Logf("%d records", len(r.records))
}

// check checks that at least the first n records are stored, each once, and that there are no alarms but of the
// kinds that are expected.
func (r *reporter) check(s *site.Site, n int, expected ...string) {
	r.t.Helper()
	var records []*store.Record
	var alarms []*store.Alarm
	err := s.View(context.Background(), func(tx *store.Tx) (err error) {
		if records, err = tx.Records(store.Filter{}); err == nil {
			alarms, err = tx.Alarms(store.Filter{})
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	seen := map[uint64]bool{}
	for _, row := range records {
		if seen[row.Number] || !bytes.Equal(row.Encoded, r.records[row.Number-1]) {
			r.t.Errorf("record %d is there twice, or another one", row.Number)
		}
		seen[row.Number] = true
	}
	for i := range n {
		if !seen[uint64(i+1)] {
			r.t.Errorf("record %d was acknowledged and is not there", i+1)
		}
	}
	for _, alarm := range alarms {
		if !slices.Contains(expected, alarm.Kind) {
			r.t.Errorf("%+v", alarm)
		}
	}
}

func TestSIGHUPEndsNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "site")
	r := newReporter(t, dir)
	served := serveProcess(t, dir)
	defer served.kill()
	for range 2 {
		if err := served.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		r.connect(served.broker).Disconnect(0)
	}
	if err := served.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := served.cmd.Wait(); err != nil {
		t.Errorf("SIGTERM ends it with %v", err)
	}
}

// roots returns a pool with the certificate of a site's authority.
func roots(s *site.Site) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.Authority())
	return pool
}
