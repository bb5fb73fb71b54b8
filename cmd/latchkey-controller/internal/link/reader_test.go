package link_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"latchkey/device/cache"
	"latchkey/device/journal"
	readersync "latchkey/sync"
	"latchkey/sync/wire"
)

// A reader is a reader's own end of the link: its client, and credentials and
// journal on the disk. What is not there is the door.
type reader struct {
	client  *readersync.Client
	cache   *cache.Cache
	watched watched
	journal *journal.Journal
}

// empty is the state of a reader to which nothing has happened.
type empty struct{}

func (empty) Apply(wire.Record) {}
func (empty) Encode() []byte    { return []byte{0} }

// newReader makes a reader of a bundle in a directory. It tells what it hears.
func newReader(t testing.TB, dir string, b *board, bundle *wire.Bundle, tell func(readersync.News)) *reader {
	t.Helper()
	r, err := openReader(dir, b, bundle, []string{bundle.Broker}, 0, tell)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func openReader(dir string, b *board, bundle *wire.Bundle, brokers []string, acknowledged time.Duration, tell func(readersync.News)) (*reader, error) {
	options := cache.Options{Dir: dir, Site: bundle.Site, Controller: bundle.Controller[:]}
	snapshot, err := wire.OpenSnapshot(bundle.Site, bundle.Snapshot, bundle.Controller[:])
	if err != nil {
		return nil, err
	}
	if err := cache.Install(options, snapshot, &bundle.Keys); err != nil {
		return nil, err
	}
	authority, err := x509.ParseCertificate(bundle.Authority)
	if err != nil {
		return nil, err
	}
	r := &reader{cache: cache.Open(options), journal: journal.Open(journal.Options{Dir: filepath.Join(dir, "journal"), Fresh: true, State: empty{}})}
	r.watched = watched{r.cache, make(chan time.Time, 1), make(chan time.Time, 1)}
	begin := time.Now()
	connections := uint64(0)
	r.client, err = readersync.NewClient(readersync.Config{
		Options: readersync.Options{
			Site: bundle.Site, SiteName: bundle.SiteName, Reader: bundle.Reader, Version: "bench",
			Controller: bundle.Controller[:], Signing: b.signing, Sealing: b.sealing, NotBefore: begin.Add(-time.Minute),
		},
		Brokers: brokers, ReturnAfter: 2 * time.Second, AckWithin: acknowledged, Certificate: tls.Certificate{Certificate: [][]byte{bundle.Certificate}, PrivateKey: b.tls}, Authority: authority,
		Cache: r.watched, Journal: r.journal,
		StorePolicy: func(policy *wire.VerifiedPolicy) error { return cache.StorePolicy(options, bundle.Reader, policy) },
		NextConnection: func() (uint64, error) {
			connections++
			return connections, nil
		},
		Now:  func() time.Duration { return time.Since(begin) },
		Tell: tell,
		Log:  slog.New(slog.DiscardHandler),
	})
	return r, err
}

// report reports what a door does whose policy this is; nil: it has none in force yet.
func (r *reader) report(p *wire.Policy) {
	report := readersync.Report{Condition: wire.Condition{Strike: wire.StrikeOff, Door: wire.DoorIsClosed, Mode: &wire.ModeState{Mode: wire.ModeNormal}}}
	if p != nil {
		report.Policy = p.Revision
		if n := len(p.Modes); n > 0 {
			report.Condition.Mode = &wire.ModeState{Mode: p.Modes[n-1].Mode, Cause: wire.CauseWanted}
		}
	}
	r.client.Report(report)
}

// run runs the reader until ctx ends.
func (r *reader) run(ctx context.Context) error {
	r.report(nil)
	defer r.cache.Close()
	defer r.journal.Close()
	return r.client.Run(ctx)
}
