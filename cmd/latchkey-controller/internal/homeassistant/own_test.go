package homeassistant

import (
	"bufio"
	"context"
	"encoding/pem"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/broker"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// ownBroker starts the readers' own broker, the one in the controller, and adds two
// broker clients: one listens, one asks.
func (w *world) ownBroker() {
	w.t.Helper()
	b, err := broker.Start(w.t.Context(), "127.0.0.1:0", broker.Options{
		Site: "hq", Certificate: w.site.HostCertificates([]string{"127.0.0.1"}, store.HomeCell).Certificate, Authority: w.site.Authority(), Controller: site.ControllerName, Bridge: site.HomeAssistantName,
		InForce: func(name, serial string) bool {
			all, err := w.site.BrokerClients(context.Background())
			return err == nil && all[name] == serial
		},
		Log: slog.New(slog.NewTextHandler(w.t.Output(), nil)),
	})
	w.must(err)
	w.t.Cleanup(func() { b.Close() })
	_, w.port, _ = net.SplitHostPort(b.Addr().String())
	w.must(os.WriteFile(filepath.Join(w.dir, "authority.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.site.Authority().Raw}), 0o600))
	for _, name := range []string{"listens", "asks"} {
		w.must(w.desk.AddBrokerClient(w.t.Context(), root, name, func(key, certificate []byte) error {
			w.must(os.WriteFile(filepath.Join(w.dir, name+".key"), key, 0o600))
			return os.WriteFile(filepath.Join(w.dir, name+".pem"), certificate, 0o600)
		}))
	}
}

// runOnOwn runs a bridge that shows the readers on their own broker.
func (w *world) runOnOwn(commands bool) {
	w.t.Helper()
	at, err := wire.ParseBroker("ssl://127.0.0.1:" + w.port)
	w.must(err)
	pair, err := w.site.HomeAssistantCertificate()
	w.must(err)
	w.run(func(o *Options) {
		o.Broker, o.Login, o.Commands = at, Login{}, commands
		o.Own = &Own{Name: site.HomeAssistantName, Certificate: pair, Authority: w.site.Authority()}
	})
}

// client returns a client of Debian's Mosquitto with a broker client's certificate.
func (w *world) client(program, brokerClient string, args ...string) *exec.Cmd {
	file := func(name string) string { return filepath.Join(w.dir, name) }
	return exec.CommandContext(w.t.Context(), program, append([]string{"-h", "127.0.0.1", "-p", w.port, "--cafile", file("authority.pem"), "--cert", file(brokerClient + ".pem"), "--key", file(brokerClient + ".key"), "-q", "1"}, args...)...)
}

// listening returns a Home Assistant that listens by mosquitto_sub.
func (w *world) listening() *home {
	w.t.Helper()
	h := &home{t: w.t, newest: map[string]string{}, configs: map[string]string{}}
	cmd := w.client("mosquitto_sub", "listens", "-F", "%r %t %p", "-t", "homeassistant/#", "-t", "latchkey-ha/hq/#")
	out, err := cmd.StdoutPipe()
	w.must(err)
	w.must(cmd.Start())
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			retained, rest, _ := strings.Cut(lines.Text(), " ")
			topic, payload, _ := strings.Cut(rest, " ")
			h.mu.Lock()
			h.all = append(h.all, received{topic, payload, retained == "1"})
			h.newest[topic] = payload
			h.mu.Unlock()
		}
	}()
	w.t.Cleanup(func() {
		cmd.Process.Kill()
		<-read
		cmd.Wait()
		h.check()
	})
	return h
}

// ask publishes by mosquitto_pub, and waits until the broker has it.
func (w *world) ask(topic, payload string, args ...string) {
	w.t.Helper()
	if out, err := w.client("mosquitto_pub", "asks", append(args, "-t", topic, "-m", payload)...).CombinedOutput(); err != nil {
		w.t.Fatalf("%v: %s", err, out)
	}
}

const gauge = "latchkey-ha/hq/gauge/command/unlock"

func TestReadersAreShownOnTheirOwnBroker(t *testing.T) {
	w := newWorld(t)
	w.ownBroker()
	w.reader("gauge")
	w.reader("front-door")
	h := w.listening()
	w.runOnOwn(true)
	h.becomes("latchkey-ha/hq/status", "online")
	h.becomes("latchkey-ha/hq/front-door/state", `{"lock":"LOCKED","door":"closed","tamper":"OFF","problem":"OFF","lockout":"OFF"}`)
	w.report("front-door", &wire.Record{Kind: wire.TamperStarted})
	until(t, "an event comes", func() bool { return len(h.on("latchkey-ha/hq/front-door/event/alarm")) == 1 })
	described := len(h.on(w.config("front-door")))
	w.ask("homeassistant/status", "online") // Home Assistant starts
	until(t, "it is described again", func() bool { return len(h.on(w.config("front-door"))) > described })

	until(t, "it takes commands", func() bool {
		w.ask(gauge, "PRESS")
		return len(w.presses("gauge")) > 0
	})
	w.ask("latchkey-ha/hq/front-door/command/unlock", "PRESS", "-r") // retained
	w.ask("latchkey-ha/hq/front-door/command/unlock", "PRESS")
	until(t, "the door opens", func() bool { return len(w.presses("front-door")) > 0 })
	before := len(w.presses("gauge"))
	until(t, "a later command comes", func() bool { w.ask(gauge, "PRESS"); return len(w.presses("gauge")) > before })
	if n := len(w.presses("front-door")); n != 1 {
		t.Errorf("it opened %d times", n)
	}
	h.drop(gauge, "latchkey-ha/hq/front-door/command/unlock", "homeassistant/status")
	w.stop()
	h.becomes("latchkey-ha/hq/status", "offline")
}

func TestReadersOwnBrokerOpensNothingUnlessCommandsAreOn(t *testing.T) {
	w := newWorld(t)
	w.ownBroker()
	w.reader("gauge")
	h := w.listening()
	w.runOnOwn(false)
	h.becomes("latchkey-ha/hq/status", "online")
	w.ask(gauge, "PRESS")
	w.ask("homeassistant/status", "online")
	before := len(h.on(w.config("gauge"))) // it may have been described again already
	until(t, "the controller has heard that Home Assistant has started, after that", func() bool {
		w.ask("homeassistant/status", "online")
		return len(h.on(w.config("gauge"))) > before
	})
	if len(w.opened()) != 0 || strings.Contains(h.of(w.config("gauge")), "command") {
		t.Error("a door was opened, or a button is shown")
	}
	h.drop(gauge, "homeassistant/status")
}

// What the tools of a program that was let in are refused.
func TestReadersOwnBrokerRefusesAProgramTheRest(t *testing.T) {
	w := newWorld(t)
	w.ownBroker()
	w.reader("front-door")
	h := w.listening()
	w.runOnOwn(true)
	h.becomes("latchkey-ha/hq/front-door/link", "online")
	for _, filter := range []string{"#", "+/#", "$SYS/#", "latchkey/#", "latchkey/v1/hq/head", "latchkey/v1/hq/front-door/state", "latchkey-ha/#", "latchkey-ha/other/#", "$share/x/homeassistant/#"} {
		out, err := w.client("mosquitto_sub", "asks", "-W", "20", "-t", filter).CombinedOutput()
		if err != nil || string(out) != "All subscription requests were denied.\n" {
			t.Errorf("%s: %v: %s", filter, err, out)
		}
	}
	for _, topic := range []string{"latchkey/v1/hq/head", "latchkey/v1/hq/front-door/command", "latchkey-ha/hq/status", "latchkey-ha/hq/front-door/state", "latchkey-ha/hq/listening", w.config("front-door"), "latchkey-ha/hq/front-door/command/unlock/more"} {
		if out, err := w.client("mosquitto_pub", "asks", "-t", topic, "-m", "forged").CombinedOutput(); err == nil {
			t.Errorf("%s is taken: %s", topic, out)
		}
	}
	w.ask("homeassistant/status", "end")
	h.becomes("homeassistant/status", "end")
	h.drop("homeassistant/status")
	if slices.ContainsFunc(h.topics(), func(topic string) bool { return h.of(topic) == "forged" }) {
		t.Errorf("somebody else's word was published: %v", h.topics())
	}
}
