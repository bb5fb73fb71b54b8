package link_test

import (
	"context"
	"log/slog"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/site"
)

func TestALinkThatIsOverWhileItBeginsIsNoFailure(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l, err := link.New(link.Options{Site: w.site, Broker: "tcp://127.0.0.1:1", Name: site.ControllerName, Log: slog.New(slog.DiscardHandler), Readers: func(map[string]*site.Peer) {}})
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
	l, err := link.New(link.Options{Site: w.site, Broker: "tcp://127.0.0.1:1", Name: site.ControllerName, Log: slog.New(slog.DiscardHandler), Readers: func(map[string]*site.Peer) { cancel() }})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Run(ctx); err != nil {
		t.Error(err)
	}
}
