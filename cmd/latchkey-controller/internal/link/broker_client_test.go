package link_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// brokerClient adds a broker client, which a Mosquitto knows then.
func (w *world) brokerClient(name string) *tls.Config {
	w.t.Helper()
	var pair tls.Certificate
	err := w.site.Update(w.t.Context(), func(tx *store.Tx) error {
		key, certificate, err := w.site.NewBrokerClient(tx, time.Now(), name)
		if err == nil {
			pair, err = tls.X509KeyPair(certificate, key)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.adopted = true
	w.known()
	return w.as(&pair)
}

// as returns how to connect to the broker with a certificate.
func (w *world) as(pair *tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{*pair}, RootCAs: roots(w.site), MinVersion: tls.VersionTLS13}
}

// A witness is a client that keeps what it sees.
type witness struct {
	mqtt.Client
	mu   sync.Mutex
	seen []string // topic=payload, with "retained " before it if it is
}

// witness connects a client, under an id that the broker is not to mind.
func (w *world) witness(id string, config *tls.Config, filters ...string) *witness {
	w.t.Helper()
	client, err := w.dial(id, config, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	s := &witness{Client: client}
	for _, filter := range filters { // each by itself: a broker may refuse it, or deliver nothing
		client.Subscribe(filter, 1, func(_ mqtt.Client, m mqtt.Message) {
			s.mu.Lock()
			defer s.mu.Unlock()
			text := m.Topic() + "=" + string(m.Payload())
			if m.Retained() {
				text = "retained " + text
			}
			s.seen = append(s.seen, text)
		}).WaitTimeout(10 * time.Second)
	}
	return s
}

// saw returns what a witness has seen, sorted, without repetitions.
func (s *witness) saw() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Compact(slices.Sorted(slices.Values(s.seen)))
}

// send publishes with QoS 1.
func (s *witness) send(topic string, retained bool, payload string) {
	s.Publish(topic, 1, retained, payload).WaitTimeout(10 * time.Second)
}

// certificates returns those of the controller's two connections.
func (w *world) certificates() (controller, bridge *tls.Config) {
	w.t.Helper()
	own, err := w.site.ControllerCertificate()
	if err != nil {
		w.t.Fatal(err)
	}
	shows, err := w.site.HomeAssistantCertificate()
	if err != nil {
		w.t.Fatal(err)
	}
	return w.as(own), w.as(shows)
}

// admit lets the embedded broker know which readers there are, without a controller.
func (w *world) admit() {
	w.t.Helper()
	peers, _, err := w.site.Peers(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.readers(w.t.Context(), peers); err != nil {
		w.t.Fatal(err)
	}
	w.known()
}

func TestBrokerClientsAndReadersAreConfinedToTheirOwnTopics(t *testing.T) {
	onEachBroker(t, func(t *testing.T, w *world) {
		front := w.adopt("front-door", newBoard(t))
		w.admit()
		home := w.brokerClient("home")
		config, shows := w.certificates()
		all := []string{"#", "+/#", "$SYS/#", "latchkey/#", "latchkey/v1/home/+", "latchkey/v1/home/+/+", "latchkey/v1/home/head", "latchkey/v1/home/front-door/policy", "latchkey/v1/home/front-door/ack", "latchkey/v1/home/front-door/state",
			"latchkey/v1/home/home.client/policy", "$share/x/latchkey/v1/home/head", "homeassistant/#", "latchkey-ha/home/#", "latchkey-ha/#", "latchkey-ha/other/#"}
		controller := w.witness(site.ControllerName, config, "latchkey/v1/home/#", "latchkey-ha/home/#")
		bridge := w.witness(site.HomeAssistantName, shows, "latchkey-ha/home/#", "homeassistant/status", "latchkey/v1/home/#")
		program := w.witness("front-door", home, all...) // under the id of a reader
		frontClient := w.witness("front-door", w.as(new(front.certificate())), all...)
		if !program.IsConnected() {
			t.Fatal("a reader has taken the broker client's connection over, or the other way round")
		}

		// What each publishes everywhere.
		topics := []string{"latchkey/v1/home/head", "latchkey/v1/home/front-door/policy", "latchkey/v1/home/front-door/state", "latchkey/v1/home/home.client/state", "latchkey/v1/home/home.client/policy",
			"latchkey-ha/home/status", "latchkey-ha/home/listening", "latchkey-ha/home/front-door/state", "latchkey-ha/home/front-door/command/unlock", "latchkey-ha/other/front-door/command/unlock",
			"homeassistant/status", "homeassistant/device/x/config", "elsewhere"}
		for _, from := range []struct {
			name string
			*witness
			end string // what it may publish, for sure
		}{
			{"program", program, "latchkey-ha/home/front-door/command/end"}, {"front", frontClient, "latchkey/v1/home/front-door/fetch"},
			{"bridge", bridge, "latchkey-ha/home/end"}, {"controller", controller, "latchkey/v1/home/front-door/ack"},
		} {
			for _, topic := range topics {
				from.Publish(topic, 0, false, from.name) // with QoS 1 a broker may close the connection
			}
			from.send(from.end, false, from.name)
		}
		want := func(who string, s *witness, last string, want ...string) {
			t.Helper()
			until(t, who+" sees "+last, func() bool { return slices.Contains(s.saw(), last) })
			slices.Sort(want)
			if saw := s.saw(); !slices.Equal(saw, want) {
				t.Errorf("%s sees\n%s\nnot\n%s", who, strings.Join(saw, "\n"), strings.Join(want, "\n"))
			}
		}
		const ha, readers = "latchkey-ha/home/", "latchkey/v1/home/"
		shown := []string{ha + "end=bridge", ha + "status=bridge", ha + "listening=bridge", ha + "front-door/state=bridge", ha + "front-door/command/unlock=bridge",
			ha + "front-door/command/unlock=program", ha + "front-door/command/end=program", "homeassistant/status=program"}
		want("the bridge", bridge, ha+"end=bridge", shown...)
		want("a broker client", program, ha+"end=bridge", append(shown, "homeassistant/device/x/config=bridge")...)
		want("a reader", frontClient, readers+"front-door/ack=controller", readers+"head=controller", readers+"front-door/policy=controller", readers+"front-door/ack=controller")
		until(t, "the controller sees the end", func() bool { return slices.Contains(controller.saw(), readers+"front-door/ack=controller") })
		controller.mu.Lock() // the embedded broker drops what is no reader's
		controller.seen = slices.DeleteFunc(controller.seen, func(text string) bool {
			return strings.HasPrefix(text, readers+"home.client/") && strings.HasSuffix(text, "=controller")
		})
		controller.mu.Unlock()
		want("the controller", controller, readers+"front-door/ack=controller", readers+"head=controller", readers+"front-door/policy=controller", readers+"front-door/state=controller",
			readers+"front-door/state=front", readers+"front-door/fetch=front", readers+"front-door/ack=controller")
		w.said.mu.Lock()
		defer w.said.mu.Unlock()
		if len(w.said.warnings) > 0 {
			t.Errorf("Mosquitto warns:\n%s", strings.Join(w.said.warnings, "\n"))
		}
	})
}

func TestARemovedBrokerClientIsDisconnectedAndRefused(t *testing.T) {
	onEachBroker(t, func(t *testing.T, w *world) {
		home, other := w.brokerClient("home"), w.brokerClient("other")
		lost := make(chan struct{})
		_, err := w.dial("home.client", home, func(o *mqtt.ClientOptions) {
			o.SetConnectionLostHandler(func(mqtt.Client, error) { close(lost) })
		})
		if err != nil {
			t.Fatal(err)
		}
		stays := w.witness("other.client", other)
		if err := w.site.Update(t.Context(), func(tx *store.Tx) error { return tx.RevokeBrokerClient(time.Now().Unix(), "home") }); err != nil {
			t.Fatal(err)
		}
		w.expel()
		select {
		case <-lost:
		case <-time.After(20 * time.Second):
			t.Fatal("it is still connected")
		}
		newer := w.brokerClient("home") // the name is given anew
		w.expel()
		if _, err := w.dial("home.client", home, nil); err == nil {
			t.Error("the older certificate is let in")
		}
		w.witness("home.client", newer)
		if w.said.pid == 0 && !stays.IsConnected() {
			t.Error("another one was disconnected")
		}
	})
}

// Mosquitto has no such limits: there the controller refuses what was retained.
func TestTheEmbeddedBrokerKeepsNothingOfABrokerClient(t *testing.T) {
	w := newWorld(t)
	w.embed()
	home := w.brokerClient("home")
	_, shows := w.certificates()
	filters := []string{"latchkey-ha/home/#", "homeassistant/status"}
	bridge := w.witness(site.HomeAssistantName, shows, filters...)
	program := w.witness("", home)
	const command = "latchkey-ha/home/front-door/command/unlock"
	program.send(command, true, "PRESS")
	program.send(command, false, strings.Repeat("x", 257))
	program.send("homeassistant/status", true, "online")
	program.send(command, false, "last")
	until(t, "the last command comes", func() bool { return slices.Contains(bridge.saw(), command+"=last") })
	if saw := bridge.saw(); !slices.Equal(saw, []string{"homeassistant/status=online", command + "=last"}) {
		t.Errorf("the controller sees %q", saw)
	}
	if !program.IsConnected() {
		t.Error("it was disconnected")
	}
	// Its will is one that says that it has gone, and is not kept either.
	for _, will := range []struct{ topic, text string }{{command, "PRESS"}, {"latchkey/v1/home/head", "x"}, {"homeassistant/device/x/config", "{}"}, {"homeassistant/status", strings.Repeat("x", 257)}} {
		if _, err := w.dial("", home, func(o *mqtt.ClientOptions) { o.SetWill(will.topic, will.text, 1, true) }); err == nil {
			t.Errorf("a will on %s is taken: %.10s", will.topic, will.text)
		}
	}
	var line net.Conn
	_, err := w.dial("", home, func(o *mqtt.ClientOptions) {
		o.SetWill("homeassistant/status", "offline", 1, true)
		o.SetCustomOpenConnectionFn(func(to *url.URL, _ mqtt.ClientOptions) (_ net.Conn, err error) {
			line, err = tls.Dial("tcp", to.Host, home)
			return line, err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	line.Close()
	until(t, "the will comes", func() bool { return slices.Contains(bridge.saw(), "homeassistant/status=offline") })
	first := w.witness("an id", home)
	w.witness("another id", home)
	until(t, "a broker client has one connection", func() bool { return !first.IsConnected() })
	bridge.Disconnect(50)
	bridge = w.witness(site.HomeAssistantName, shows, filters...)
	bridge.send("latchkey-ha/home/end", false, "")
	until(t, "the last message comes", func() bool { return slices.Contains(bridge.saw(), "latchkey-ha/home/end=") })
	if saw := bridge.saw(); len(saw) != 1 {
		t.Errorf("the broker has kept %q", saw)
	}
}

func TestABrokerClientThatReadsNothingHoldsNobodyUp(t *testing.T) {
	for _, test := range []struct {
		broker string
		start  func(*world)
		qos    byte
	}{{"embedded", (*world).embed, 0}, {"embedded", (*world).embed, 1}, {"mosquitto", (*world).mosquitto, 1}} {
		t.Run(fmt.Sprint(test.broker, " QoS ", test.qos), func(t *testing.T) { // not side by side: it measures memory
			w := newWorld(t)
			test.start(w)
			w.serve()
			front := w.reader("front-door")
			_, shows := w.certificates()
			bridge := w.witness(site.HomeAssistantName, shows)
			stalled := w.stall(w.brokerClient("home"), test.qos)
			defer stalled.Close()
			before, rise, large := w.memory(), 0, string(bytes.Repeat([]byte("x"), 60<<10))
			for n := range 1000 {
				if token := bridge.Publish(fmt.Sprintf("latchkey-ha/home/reader-%d/state", n%100), 1, true, large); !token.WaitTimeout(10*time.Second) || token.Error() != nil {
					t.Fatalf("the controller cannot publish: %v", token.Error())
				}
				if n%100 == 99 {
					rise = max(rise, w.memory()-before)
				}
			}
			if rise > 90<<20 {
				t.Errorf("the broker's memory rose by %d MiB", rise>>20)
			}
			front.happen(wire.Record{Kind: wire.ExitPressed})
			front.until("its record is acknowledged", func() bool { return front.acked == 1 })
			w.addUsers(1)
			w.inStep(front)
		})
	}
}

// stall connects a broker client that subscribes to all that it may, and reads no more.
func (w *world) stall(config *tls.Config, qos byte) net.Conn {
	w.t.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(w.broker, "ssl://"), config)
	if err != nil {
		w.t.Fatal(err)
	}
	connect := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	connect.ProtocolName, connect.ProtocolVersion, connect.CleanSession, connect.ClientIdentifier, connect.Keepalive = "MQTT", 4, true, "x", 60
	subscribe := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
	subscribe.Topics, subscribe.Qoss, subscribe.MessageID = []string{"latchkey-ha/home/#"}, []byte{qos}, 1
	connect.Write(conn)
	if _, err := packets.ReadPacket(conn); err != nil {
		w.t.Fatal(err)
	}
	subscribe.Write(conn)
	answer, err := packets.ReadPacket(conn)
	if suback, ok := answer.(*packets.SubackPacket); err != nil || !ok || suback.ReturnCodes[0] != qos {
		w.t.Fatal(answer, err)
	}
	return conn
}

func TestABrokerClientSpeaksOnlyWhatIsBounded(t *testing.T) {
	w := newWorld(t)
	w.embed()
	home := w.brokerClient("home")
	for _, connect := range [][]byte{
		[]byte("\x10\x11\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x04home"), // MQTT 5
		[]byte("\x10\x10\x00\x04MQTT\x04\x00\x00\x3c\x00\x04home"),     // a session that lasts
	} {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(w.broker, "ssl://"), home)
		if err != nil {
			t.Fatal(err)
		}
		conn.Write(connect)
		conn.SetReadDeadline(time.Now().Add(time.Minute))
		if n, err := conn.Read(make([]byte, 4)); err == nil {
			t.Errorf("% x has an answer of %d bytes", connect, n)
		}
		conn.Close()
	}
	program := w.witness("", home)
	program.send("latchkey-ha/home/front-door/command/unlock", false, strings.Repeat("x", 64<<10))
	until(t, "a large packet closes the connection", func() bool { return !program.IsConnected() })
}
