package tests

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"latchkey/cmd/internal/freeport"
)

// A home is a client of the MQTT broker to which Home Assistant would be connected, too.
type home struct {
	mqtt.Client
	mu     sync.Mutex
	newest map[string]string // by topic
}

// newHome starts a broker that lets everybody in, on loopback, and a client of it.
func newHome(t *testing.T) (h *home, broker string) {
	t.Helper()
	address, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		program = "/usr/sbin/mosquitto"
	}
	config := filepath.Join(t.TempDir(), "mosquitto.conf")
	_, port, _ := net.SplitHostPort(address)
	if err := os.WriteFile(config, []byte("listener "+port+" 127.0.0.1\nallow_anonymous true\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-c", config)
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v; make setup installs mosquitto", err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return joined(t, mqtt.NewClientOptions().AddBroker("tcp://"+address), "#"), "tcp://" + address
}

// joined returns a client of a broker, which may still start.
func joined(t *testing.T, options *mqtt.ClientOptions, filter string) *home {
	t.Helper()
	h := &home{newest: map[string]string{}}
	h.Client = mqtt.NewClient(options.SetConnectRetry(true).SetConnectRetryInterval(50 * time.Millisecond).SetMaxReconnectInterval(50 * time.Millisecond))
	if token := h.Connect(); !token.WaitTimeout(10*time.Second) || token.Error() != nil {
		t.Fatal(token.Error())
	}
	t.Cleanup(func() { h.Disconnect(0) })
	h.Subscribe(filter, 1, func(_ mqtt.Client, m mqtt.Message) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.newest[m.Topic()] = string(m.Payload())
	})
	return h
}

// has says whether the newest message on a topic of the reader has a text in it.
func (h *home) has(topic, text string) func() bool {
	return func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return strings.Contains(h.newest["latchkey-ha/test/front-door/"+topic], text)
	}
}

// send sends a command.
func (h *home) send(command, payload string) {
	h.Publish("latchkey-ha/test/front-door/command/"+command, 1, false, payload).Wait()
}

// becomes asks for a mode, and says whether the lock is so. A reader takes one command a
// second, and none before the last one is done.
func (h *home) becomes(payload, want string) func() bool {
	return func() bool {
		h.send("mode", payload)
		time.Sleep(100 * time.Millisecond)
		return h.has("state", `"lock":"`+want+`"`)()
	}
}

func TestHomeAssistantSeesWhoComesAndOpensTheDoor(t *testing.T) {
	t.Parallel()
	h, broker := newHome(t)
	c := adaAndBobLinked(t, false)
	c.flags = []string{"--homeassistant", broker, "--homeassistant-commands", "--homeassistant-names"}
	c.serve()
	r := c.adopt(t, "front-door")
	r.start()
	r.eventually("Home Assistant sees the reader", h.has("link", "online"))
	r.eventually("its door is locked", h.has("state", `"lock":"LOCKED"`))
	r.opensByCard(bobUID, "Bob's card")
	r.eventually("it sees who came", h.has("event/access", `"by":"card","person":"Bob Martin"`))
	r.closed()
	h.send("unlock", "PRESS")
	r.opens("Home Assistant's button")
	r.eventually("it sees that, too", h.has("event/access", `"by":"remote"`))
	r.closed()
	r.eventually("the door is kept unlocked", h.becomes("UNLOCK", "UNLOCKED"))
	r.eventually("the door is locked again", h.becomes("LOCK", "LOCKED"))
	r.closed()
	r.kill()
	r.eventually("it sees that the reader is away", h.has("link", "offline"))
	c.stopServing()
	r.eventually("it sees that the controller is away", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.newest["latchkey-ha/test/status"] == "offline"
	})
}

func TestHomeAssistantComesToTheReadersBrokerUntilItIsRemoved(t *testing.T) {
	for name, mosquitto := range map[string]bool{"embedded": false, "mosquitto": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := adaAndBobLinked(t, mosquitto)
			c.flags = []string{"--homeassistant", "own", "--homeassistant-commands"}
			c.startBroker()
			c.serve()
			keys := t.TempDir()
			c.tell("", "broker-client", "add", "home-assistant", "--out", keys) // while it serves
			r := c.adopt(t, "front-door")                                       // has Mosquitto know both
			r.start()
			own, err := tls.LoadX509KeyPair(filepath.Join(keys, "home-assistant.pem"), filepath.Join(keys, "home-assistant.key"))
			if err != nil {
				t.Fatal(err)
			}
			authority, err := os.ReadFile(filepath.Join(keys, "authority.pem"))
			if err != nil {
				t.Fatal(err)
			}
			config := &tls.Config{Certificates: []tls.Certificate{own}, RootCAs: x509.NewCertPool()}
			config.RootCAs.AppendCertsFromPEM(authority)
			h := joined(t, mqtt.NewClientOptions().AddBroker("ssl://"+c.broker).SetClientID("any").SetTLSConfig(config), "latchkey-ha/test/#")
			r.eventually("Home Assistant sees the reader", h.has("link", "online"))
			r.eventually("its door is locked", h.has("state", `"lock":"LOCKED"`))
			h.send("unlock", "PRESS")
			r.opens("Home Assistant's button")
			r.closed()

			c.tell("", "broker-client", "remove", "home-assistant")
			if mosquitto {
				c.stopBroker()
				c.startBroker()
			}
			r.eventually("it is shut out", func() bool {
				for range 20 {
					if h.IsConnectionOpen() {
						return false
					}
					time.Sleep(10 * time.Millisecond)
				}
				return true
			})
			r.opensByCard(bobUID, "Bob's card")
		})
	}
}
