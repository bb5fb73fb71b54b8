package link_test

import (
	"crypto/tls"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// kept returns on which of a reader's topics the broker keeps a message. No
// controller runs meanwhile.
func (w *world) kept(reader string) []wire.Channel {
	w.t.Helper()
	own, err := w.site.ControllerCertificate()
	if err != nil {
		w.t.Fatal(err)
	}
	var mu sync.Mutex
	var kept []wire.Channel
	over := ""
	note := func(_ mqtt.Client, m mqtt.Message) {
		mu.Lock()
		defer mu.Unlock()
		if _, _, channel, _ := wire.ParseTopic(m.Topic()); m.Retained() {
			kept = append(kept, channel)
		} else {
			over = string(m.Payload())
		}
	}
	end := wire.OnCommand.Topic("home", reader)
	try := 0
	until(w.t, "all that is kept comes", func() bool {
		mu.Lock()
		try++
		kept = nil
		mu.Unlock()
		// Each time anew: the broker ends the subscriptions of a client that left with the
		// same name, and may be late with that.
		client, err := w.dial(site.ControllerName, &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{*own}, RootCAs: roots(w.site)}, nil)
		if err != nil {
			w.t.Fatal(err)
		}
		defer client.Disconnect(50)
		token := client.Subscribe("latchkey/v1/home/"+reader+"/#", 1, note)
		if !token.WaitTimeout(10*time.Second) || token.Error() != nil {
			w.t.Fatal(token.Error())
		}
		last := fmt.Sprint("what is kept comes before it: ", try)
		client.Publish(end, 0, false, last).WaitTimeout(50 * time.Millisecond)
		for range 100 {
			mu.Lock()
			all := over == last
			mu.Unlock()
			if all {
				return true
			}
			time.Sleep(10 * time.Millisecond)
		}
		return false
	})
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(kept)
	return kept
}

func TestTheBrokerKeepsNothingOfAReaderThatWasRemoved(t *testing.T) {
	all := []wire.Channel{wire.OnKey, wire.OnPolicy, wire.OnState}
	for name, running := range map[string]bool{"while the controller runs": true, "while no controller runs": false} {
		t.Run(name, func(t *testing.T) {
			onEachBroker(t, func(t *testing.T, w *world) {
				w.serve()
				gone, stays := w.reader("front-door"), w.reader("back-door")
				w.settled(gone)
				gone.disconnect()
				w.end()
				for _, reader := range []string{"front-door", "back-door"} {
					if kept := w.kept(reader); !slices.Equal(kept, all) {
						t.Fatalf("of %s it keeps %v, not %v", reader, kept, all)
					}
				}
				if running {
					w.serve()
					w.addUsers(1)
					w.inStep(stays)
				}
				w.elsewhere(func(s *site.Site, tx *store.Tx) error {
					_, err := s.RemoveReader(tx, time.Now(), "front-door", false)
					return err
				})
				if !running {
					w.serve()
				}
				w.addUsers(1)
				w.inStep(stays) // with what was published after
				w.end()
				if kept := w.kept("front-door"); len(kept) != 0 {
					t.Errorf("of front-door it keeps %v", kept)
				}
				if kept := w.kept("back-door"); !slices.Equal(kept, all) {
					t.Errorf("of back-door it keeps %v, not %v", kept, all)
				}
			})
		})
	}
}

func TestNothingIsKeptOfAReaderThatARestoreTook(t *testing.T) {
	onEachBroker(t, func(t *testing.T, w *world) {
		w.serve()
		m := w.reader("front-door")
		w.end()
		older := w.copied()
		w.serve()
		w.connect(m)
		gone := w.reader("back-door")
		gone.disconnect()
		all := []wire.Channel{wire.OnKey, wire.OnPolicy, wire.OnState}
		until(t, "all is kept of the other", func() bool { return slices.Equal(w.kept("back-door"), all) })
		w.end()
		w.site.Close()
		w.open(older)
		until(t, "nothing is kept of what is no reader any more", func() bool {
			w.serve()
			w.connect(m)
			w.end()
			return len(w.kept("back-door")) == 0
		})
		if kept := w.kept("front-door"); !slices.Equal(kept, all) {
			t.Errorf("%q of the other", kept)
		}
	})
}
