package link_test

import (
	"context"
	"crypto/tls"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"latchkey/cmd/latchkey-controller/internal/site"
	readersync "latchkey/sync"
	"latchkey/sync/wire"
)

// The embedded broker refuses to subscribe to anything under the number of a
// message that it has just sent: what comes often is subscribed to last.
func TestAReaderConnectsWhileMessagesPourIn(t *testing.T) {
	onEachBroker(t, func(t *testing.T, w *world) {
		b := newBoard(t)
		bundle := w.bundle("front-door", b)
		w.serve()
		until(t, "the broker knows whom to let in", func() bool { return w.serials.Load() != nil })
		w.end()
		own, err := w.site.ControllerCertificate()
		if err != nil {
			t.Fatal(err)
		}
		source, err := w.dial(site.ControllerName, &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{*own}, RootCAs: roots(w.site)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		states := make(chan *wire.State, 64)
		token := source.Subscribe(wire.OnState.Topic("home", "front-door"), 1, func(_ mqtt.Client, m mqtt.Message) {
			s, err := wire.OpenState(w.site.ID, m.Payload(), b.signing.Public())
			if err != nil {
				t.Error(err)
				return
			}
			if s.Counter > 0 && !m.Retained() {
				states <- s // it has subscribed to all it wants
			}
		})
		if !token.WaitTimeout(10*time.Second) || token.Error() != nil {
			t.Fatal(token.Error())
		}
		ctx, cancel := context.WithCancel(t.Context())
		poured := make(chan struct{})
		go func() {
			defer close(poured)
			for ctx.Err() == nil {
				source.Publish(wire.OnCredentials.Topic("home", ""), 1, false, []byte("no delta")).WaitTimeout(time.Second)
			}
		}()
		for range 10 {
			r := newReader(t, t.TempDir(), b, bundle, func(readersync.News) {})
			connection, end := context.WithCancel(ctx)
			done := make(chan error, 1)
			go func() { done <- r.run(connection) }()
			select {
			case s := <-states: // the broker may lose one for the same reason; another follows
				if s.Connection != 1 {
					t.Errorf("only connection %d is subscribed", s.Connection)
				}
			case <-time.After(time.Minute):
				t.Error("no state came")
			}
			end()
			if err := <-done; err != nil {
				t.Error(err)
			}
			for len(states) > 0 {
				<-states
			}
		}
		cancel()
		<-poured
	})
}
