package link_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// BenchmarkSnapshot takes a snapshot of a million credentials to one reader,
// and before and after each, in the same run, as many bytes through paho and the
// same broker to nobody in particular.
func BenchmarkSnapshot(b *testing.B) {
	w := newWorld(b)
	w.mosquitto()
	w.addUsers(1000)
	manifest, chunks := snapshotOf(b, 1_000_000)
	var took, alone []time.Duration
	var rises []float64
	var rate float64
	lookUps := 0
	for n := 0; b.Loop(); n++ {
		board := newBoard(b)
		bundle := w.bundle(fmt.Sprintf("reader-%d", n), board)
		dir := b.TempDir()
		if err := board.save(bundle, filepath.Join(dir, "kit")); err != nil {
			b.Fatal(err)
		}
		alone = append(alone, w.alone(bundle.Reader, dir, len(chunks)))

		w.serve()
		reader := start(b, "receive", nil, dir)
		var ready string
		reader.next(&ready)
		w.end()
		if err := w.site.Update(b.Context(), func(tx *store.Tx) error { _, err := w.site.NewEpoch(tx, time.Now(), 0); return err }); err != nil {
			b.Fatal(err)
		}
		w.keep(manifest, chunks)
		w.serve()
		var got received
		reader.next(&got)
		reader.wait()
		w.end()
		if got.Wrong > 0 || got.LookUps == 0 {
			b.Errorf("%d of %d look-ups were wrong", got.Wrong, got.LookUps)
		}

		alone = append(alone, w.alone(bundle.Reader, dir, len(chunks)))
		took = append(took, got.Took)
		rises = append(rises, got.Most-got.Before)
		rate = float64(len(chunks)) / 1e6 / got.Took.Seconds()
		lookUps += got.LookUps
	}
	b.ReportMetric(0, "ns/op")
	// What else the machine does only adds: the quickest of each is what the code takes.
	b.ReportMetric(float64(slices.Min(took))/float64(slices.Min(alone)), "x-alone")
	b.ReportMetric(slices.Max(rises), "MB-rise")
	b.ReportMetric(rate, "MB/s")
	b.ReportMetric(float64(lookUps)/float64(len(took)), "look-ups")
}

// snapshotOf returns a snapshot of so many credentials, its manifest unsigned.
func snapshotOf(b testing.TB, n int) (*wire.Manifest, []byte) {
	entries := make([]wire.Entry, n)
	for i := range entries {
		rand.Read(entries[i].Tag[:])
		entries[i].Credential = wire.Credential{ID: uint64(i + 1), Kind: wire.PIN, User: uint64(i + 1), Name: fmt.Sprintf("User number %06d", i)}
	}
	manifest := &wire.Manifest{Epoch: 1, KDF: wire.KDF{Memory: 19456, Time: 2, Threads: 4}}
	snapshot, err := wire.WriteSnapshot(manifest, entries, ed25519.NewKeyFromSeed(make([]byte, 32)))
	if err != nil {
		b.Fatal(err)
	}
	_, chunks, err := wire.Next(snapshot)
	if err != nil {
		b.Fatal(err)
	}
	return manifest, chunks
}

// keep puts a snapshot where the controller keeps those that it has made, as
// the newest place of its log.
func (w *world) keep(m *wire.Manifest, chunks []byte) {
	w.t.Helper()
	log, err := w.site.Log(w.t.Context(), wire.Position{})
	if err != nil {
		w.t.Fatal(err)
	}
	manifest := *m
	manifest.Site, manifest.Epoch, manifest.Revision, manifest.Hash = w.site.ID, log.Position.Epoch, log.Position.Revision, log.Position.Hash
	signed, err := w.site.Sign(wire.KindManifest, &manifest)
	if err != nil {
		w.t.Fatal(err)
	}
	dir := filepath.Join(w.dir, "snapshots")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d-%d.cbor", manifest.Epoch, manifest.Revision)), append(signed, chunks...), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// Messages of paho alone: as long as a reply is, and so many under way.
const (
	aloneSize = 256 << 10
	aloneAway = 16
)

// alone returns how long so many bytes take through paho and the broker to a
// reader's place.
func (w *world) alone(reader, dir string, size int) time.Duration {
	w.t.Helper()
	sink := start(w.t, "drain", nil, dir)
	var ready string
	sink.next(&ready)
	own, err := w.site.ControllerCertificate()
	if err != nil {
		w.t.Fatal(err)
	}
	client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(w.broker).SetClientID(site.ControllerName).SetAutoReconnect(false).
		SetTLSConfig(&tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{*own}, RootCAs: roots(w.site)}))
	if token := client.Connect(); !token.WaitTimeout(10*time.Second) || token.Error() != nil {
		w.t.Fatal("not connected: ", token.Error())
	}
	payload := make([]byte, aloneSize)
	rand.Read(payload)
	var away []mqtt.Token
	for left := size; left > 0; left -= aloneSize {
		if len(away) == aloneAway {
			away[0].Wait()
			away = away[1:]
		}
		away = append(away, client.Publish(wire.OnReply.Topic(w.site.Name, reader), 1, false, payload[:min(left, aloneSize)]))
	}
	for _, token := range away {
		token.Wait()
	}
	var took time.Duration
	sink.next(&took)
	sink.wait()
	client.Disconnect(250)
	return took
}

// drain takes what comes to a reader's replies, says how long after the first
// message the last one came, and ends after a second without any.
func drain(dir string) error {
	board, bundle, err := loadBoard(filepath.Join(dir, "kit"))
	if err != nil {
		return err
	}
	m := &model{board: board, bundle: bundle}
	came := make(chan time.Time, 1024)
	client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(bundle.Broker).SetClientID(bundle.Reader).SetAutoReconnect(false).
		SetTLSConfig(&tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{m.certificate()}, RootCAs: m.roots()}))
	if token := client.Connect(); !token.WaitTimeout(10*time.Second) || token.Error() != nil {
		return fmt.Errorf("not connected: %w", token.Error())
	}
	defer client.Disconnect(100)
	if token := client.Subscribe(wire.OnReply.Topic(bundle.SiteName, bundle.Reader), 1, func(_ mqtt.Client, _ mqtt.Message) { came <- time.Now() }); !token.WaitTimeout(10*time.Second) || token.Error() != nil {
		return fmt.Errorf("not subscribed: %w", token.Error())
	}
	if err := say("ready"); err != nil {
		return err
	}
	first := <-came
	last := first
	for {
		select {
		case last = <-came:
		case <-time.After(time.Second):
			return say(last.Sub(first))
		}
	}
}
