package link_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// Mosquitto ends the controller's connection when it connects under another name.
func TestABrokerWithTwoNamesIsConnectedToOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.broker = "ssl://127.0.0.1:1"
	w.bundle("front-door", newBoard(t))
	p, own := w.newProcess(), w.newProcess()
	certificate, err := w.site.ControllerCertificate()
	if err != nil {
		t.Fatal(err)
	}
	urls := []string{p.url, own.url, strings.Replace(p.url, "127.0.0.1", "localhost", 1)}
	l, err := link.New(link.Options{Site: w.site, Cell: store.HomeCell, Brokers: urls, Name: site.ControllerName, Log: w.log(), Certificate: certificate, Readers: func(context.Context, map[string]*site.Peer) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	until(t, "it is found out", func() bool {
		s, _ := l.Brokers(t.Context())
		return s[0].Up && s[1].Up && strings.Contains(s[2].Why, "the same broker as "+p.url)
	})
	before, _ := l.Brokers(t.Context())
	time.Sleep(3 * time.Second)
	after, _ := l.Brokers(t.Context())
	for i, now := range after {
		if now != before[i] {
			t.Errorf("%+v, and before %+v", now, before[i])
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
