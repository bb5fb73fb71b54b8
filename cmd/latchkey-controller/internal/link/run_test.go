package link_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestALinkThatIsOverWhileItBeginsIsNoFailure(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l, err := link.New(link.Options{Site: w.site, Cell: store.HomeCell, Brokers: []string{"tcp://127.0.0.1:1"}, Name: site.ControllerName, Log: slog.New(slog.DiscardHandler), Readers: func(context.Context, map[string]*site.Peer) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Run(ctx); err != nil {
		t.Error(err)
	}
}

func TestALinkThatIsOverSaysThatNothingWasDone(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	l, err := link.New(link.Options{Site: w.site, Cell: store.HomeCell, Brokers: []string{"tcp://127.0.0.1:1"}, Name: site.ControllerName, Log: slog.New(slog.DiscardHandler), Readers: func(context.Context, map[string]*site.Peer) error { cancel(); return nil }})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Run(ctx); err != nil {
		t.Fatal(err)
	}
	_, readers := l.Readers(t.Context())
	_, order := l.Order(t.Context(), store.Order{Reader: "front-door", Order: wire.Unlock, Who: "Grace"}, nil)
	for what, err := range map[string]error{"readers": readers, "order": order} {
		if !errors.As(err, new(*store.UnavailableError)) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestALinkThatIsOverWhenItHasJustBegunIsNoFailure(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	l, err := link.New(link.Options{Site: w.site, Cell: store.HomeCell, Brokers: []string{"tcp://127.0.0.1:1"}, Name: site.ControllerName, Log: slog.New(slog.DiscardHandler), Readers: func(context.Context, map[string]*site.Peer) error { cancel(); return nil }})
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
		Site: w.site, Cell: store.HomeCell, Brokers: []string{w.broker}, Name: site.ControllerName, Certificate: own, Log: slog.New(slog.NewTextHandler(logged, nil)),
		Readers: func(ctx context.Context, peers map[string]*site.Peer) error {
			err := w.readers(ctx, peers)
			w.site.Close() // as if the disk were gone when it has just begun: whatever is asked of it fails
			return err
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

// While controllers take turns, what asks a link may come before it runs, or when it has ended.
func TestWhatAsksALinkWaitsUntilItRunsAndHearsWhenItHasEnded(t *testing.T) {
	w := newWorld(t)
	w.embed()
	w.adopt("front-door", newBoard(t))
	own, err := w.site.ControllerCertificate()
	if err != nil {
		t.Fatal(err)
	}
	l, err := link.New(link.Options{Site: w.site, Cell: store.HomeCell, Brokers: []string{w.broker}, Name: site.ControllerName, Certificate: own, Log: w.log(),
		Readers: w.readers})
	if err != nil {
		t.Fatal(err)
	}
	order := func(ctx context.Context) (link.OrderResult, error) {
		return l.Order(ctx, store.Order{Reader: "front-door", Order: wire.Identify, Who: "Ada"}, nil)
	}
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if r, err := order(soon); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("before it runs: %+v, %v", r, err)
	}
	running, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(running) }()
	if r, err := order(t.Context()); err != nil || !r.Unsent {
		t.Errorf("of a reader that is away: %+v, %v", r, err)
	}
	if all, err := l.Readers(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	const says = "this controller has just stopped leading the site; nothing was done. Try again in some seconds"
	if r, err := order(t.Context()); err == nil || err.Error() != says {
		t.Errorf("when it has ended: %+v, %v", r, err)
	}
	if all, err := l.Readers(t.Context()); err == nil || err.Error() != says {
		t.Errorf("when it has ended: %v, %v", all, err)
	}
}
