package link_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/sync/wire"
)

func TestALinkThatIsOverWhileItBeginsIsNoFailure(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l, err := link.New(link.Options{Site: w.site, Brokers: []string{"tcp://127.0.0.1:1"}, Name: site.ControllerName, Log: slog.New(slog.DiscardHandler), Readers: func(map[string]*site.Peer) {}})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Run(ctx); err != nil {
		t.Error(err)
	}
}

func TestALinkThatIsOverWhenItHasJustBegunIsNoFailure(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	l, err := link.New(link.Options{Site: w.site, Brokers: []string{"tcp://127.0.0.1:1"}, Name: site.ControllerName, Log: slog.New(slog.DiscardHandler), Readers: func(map[string]*site.Peer) { cancel() }})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Run(ctx); err != nil {
		t.Error(err)
	}
}

func TestALinkOutlastsAFailureOfTheDatabaseAndAcknowledgesNothing(t *testing.T) {
	w := newWorld(t)
	w.embed()
	m := w.adopt("front-door", newBoard(t))
	own, err := w.site.ControllerCertificate()
	if err != nil {
		t.Fatal(err)
	}
	logged := make(lines, 1000)
	l, err := link.New(link.Options{
		Site: w.site, Brokers: []string{w.broker}, Name: site.ControllerName, Certificate: own, Log: slog.New(slog.NewTextHandler(logged, nil)),
		Readers: func(peers map[string]*site.Peer) {
			w.serials.Store(&peers)
			w.site.Close() // as if the disk were gone when it has just begun: whatever is asked of it fails
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	untold := []string{"cannot watch what changes; will retry", "cannot read what readers have reported; will retry"}
	for len(untold) > 0 {
		select {
		case err := <-ended:
			t.Fatal("it ended: ", err)
		case line := <-logged:
			untold = slices.DeleteFunc(untold, func(what string) bool { return strings.Contains(line, what) })
		case <-time.After(30 * time.Second):
			t.Fatalf("it does not say %q", untold)
		}
	}
	if err := m.connect(w.broker); err != nil {
		t.Fatal(err)
	}
	m.happen(wire.Record{Kind: wire.ExitPressed})
	m.mu.Lock()
	if m.acked != 0 {
		t.Errorf("%d records are acknowledged", m.acked)
	}
	m.mu.Unlock()
	cancel()
	<-ended // it cannot store what it knows of readers

	w.open(w.dir)
	w.serve()
	until(t, "all is acknowledged", func() bool {
		m.say()
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.acked == uint64(len(m.records))
	})
	w.holdsAll(m)
}

// lines are what is logged, line by line.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	select {
	case l <- string(b):
	default:
	}
	return len(b), nil
}
