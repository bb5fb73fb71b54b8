package link_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"latchkey/sync/wire"
)

// dial connects to the broker as a client that chooses what it says of itself.
func (w *world) dial(id string, config *tls.Config, edit func(*mqtt.ClientOptions)) (mqtt.Client, error) {
	options := mqtt.NewClientOptions().AddBroker(w.broker).SetClientID(id).SetAutoReconnect(false).SetConnectTimeout(5 * time.Second).SetTLSConfig(config)
	if edit != nil {
		edit(options)
	}
	client := mqtt.NewClient(options)
	token := client.Connect()
	if !token.WaitTimeout(10 * time.Second) {
		w.t.Error("the broker does not answer")
	}
	w.t.Cleanup(func() { client.Disconnect(0) })
	return client, token.Error()
}

func TestAReaderIsConfinedToItsOwnTopics(t *testing.T) {
	onEachBroker(t, func(t *testing.T, w *world) {
		w.serve()
		victim := w.reader("front-door")
		thief := w.adopt("back-door", newBoard(t))
		w.connect(thief)
		thief.disconnect()
		config := &tls.Config{Certificates: []tls.Certificate{thief.certificate()}, RootCAs: roots(w.site), MinVersion: tls.VersionTLS13}
		var mu sync.Mutex
		seen := map[string]bool{}
		client, err := w.dial("back-door", config, nil)
		if err != nil {
			t.Fatal(err)
		}
		note := func(_ mqtt.Client, m mqtt.Message) {
			mu.Lock()
			defer mu.Unlock()
			seen[m.Topic()] = true
		}
		// Each filter by itself: a broker may refuse it, or deliver nothing.
		for _, filter := range []string{"#", "latchkey/#", "latchkey/v1/home/#", "latchkey/v1/home/+/state", "latchkey/v1/home/front-door/#", "latchkey/v1/home/front-door/state", "latchkey/v1/home/front-door/policy",
			"latchkey/v1/home/front-door/key", "latchkey/v1/home/front-door/command", "latchkey/v1/home/front-door/ack", "$share/x/latchkey/v1/home/front-door/state", "latchkey/v1/home/head", "latchkey/v1/home/back-door/policy"} {
			if client.IsConnected() {
				client.Subscribe(filter, 1, note).WaitTimeout(10 * time.Second)
			}
		}
		victim.say()
		victim.happen(wire.Record{Kind: wire.ExitPressed})
		victim.until("is acknowledged", func() bool { return victim.acked == 1 })
		own := wire.OnPolicy.Topic("home", "back-door")
		until(t, "it sees its own policy", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return seen[own]
		})
		mu.Lock()
		for topic := range seen {
			if _, reader, _, ok := wire.ParseTopic(topic); !ok || reader != "" && reader != "back-door" {
				t.Errorf("it saw %s", topic)
			}
		}
		mu.Unlock()

		// What it publishes elsewhere goes nowhere. The controller's connection
		// sees all topics of the site: its broker tells it only what was let through.
		before, err := w.link.Readers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		// A message that the victim has signed itself, and that would silence it.
		stolen := victim.sign(wire.KindState, &wire.State{Reader: "front-door", Connection: victim.connection, Counter: 1 << 40, Nonce: wire.Nonce{1}, Journal: victim.journal,
			Condition: &wire.Condition{Strike: wire.StrikeOff, Door: wire.DoorIsForced}})
		for _, topic := range []string{wire.OnState.Topic("home", "front-door"), wire.OnHead.Topic("home", ""), wire.OnCredentials.Topic("home", ""), wire.OnCommand.Topic("home", "front-door"),
			wire.OnNow.Topic("home", "back-door"), wire.OnPolicy.Topic("home", "back-door"), "latchkey/v1/home/back-door/state/more", "latchkey/v1/other/back-door/state", "elsewhere"} {
			client, err := w.dial("back-door", config, nil)
			if err != nil {
				t.Fatal(err)
			}
			client.Publish(topic, 1, true, stolen).WaitTimeout(10 * time.Second)
			client.Disconnect(50)
		}
		// Nor does its will.
		client, err = w.dial("back-door", config, func(o *mqtt.ClientOptions) {
			o.SetBinaryWill(wire.OnState.Topic("home", "front-door"), stolen, 1, true)
		})
		if err == nil {
			// Mosquitto lets it connect and keeps the will back when it comes to that:
			// taking the connection over is how it ends without a DISCONNECT.
			if _, err := w.dial("back-door", config, nil); err != nil {
				t.Fatal(err)
			}
		}
		client.Disconnect(0)
		w.settled(victim)
		after, err := w.link.Readers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !before[1].Online || !after[1].Online {
			t.Error("another reader's word put it offline")
		}
		victim.mu.Lock()
		defer victim.mu.Unlock()
		if len(victim.commands) != 0 {
			t.Error("it has a command")
		}
	})
}

func TestNobodyIsLetInWithoutACertificateThatCounts(t *testing.T) {
	onEachBroker(t, func(t *testing.T, w *world) {
		w.serve()
		board := newBoard(t)
		older := w.adopt("front-door", board)
		m := w.adopt("front-door", newBoard(t)) // a newer bundle: the older certificate is revoked
		w.connect(m)
		w.expel()
		own := m.certificate()
		roots := roots(w.site)
		self := selfSigned(t, "front-door")
		server, err := w.site.BrokerCertificate([]string{"front-door"}, w.cell)
		if err != nil {
			t.Fatal(err)
		}
		for name, test := range map[string]struct {
			id     string
			config *tls.Config
		}{
			"no certificate":        {"front-door", &tls.Config{RootCAs: roots}},
			"somebody's":            {"front-door", &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{self}}},
			"the broker's own":      {"broker.latchkey", &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{*server}}},
			"a revoked certificate": {"front-door", &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{older.certificate()}}},
			"TLS 1.2":               {"front-door", &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{own}, MaxVersion: tls.VersionTLS12}},
		} {
			if _, err := w.dial(test.id, test.config, nil); err == nil {
				t.Errorf("%s: let in", name)
			}
		}
		// Under another name it is its own, if it is let in at all.
		client, err := w.dial("controller.latchkey", &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{own}}, nil)
		if err == nil {
			client.Publish(wire.OnHead.Topic("home", ""), 1, true, []byte("x")).WaitTimeout(time.Second)
			client.Disconnect(50)
		}
		w.connect(m)
		w.settled(m)
	})
}

// selfSigned returns a certificate of nobody's authority.
func selfSigned(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
