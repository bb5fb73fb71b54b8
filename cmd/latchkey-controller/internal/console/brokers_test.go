package console

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/link"
)

func TestBrokersAreShownAndSet(t *testing.T) {
	w := newWorld(t)
	w.adopt("front-door", "Front door", "Main building")
	if got := w.visitor(desk.Owner).get("/settings"); strings.Contains(got.body, "Not all readers") {
		t.Error("readers without brokers go to different ones")
	}
	w.live.mu.Lock()
	w.live.brokers = []link.BrokerStatus{{URL: "ssl://a.example:8883", Up: true, Since: time.Now()}, {URL: "ssl://b.example:8883", Why: "connection refused", Since: time.Now()}}
	w.live.mu.Unlock()
	b := w.visitor(desk.Owner)
	b.get("/").shows(t, http.StatusOK, "The broker ssl://b.example:8883 is out of reach: connection refused.", `href="/settings#brokers"`)
	b.get("/settings").shows(t, http.StatusOK, "ssl://a.example:8883", "out of reach: connection refused")
	b.post("/settings/brokers", "brokers", "tcp://b.example").shows(t, http.StatusUnprocessableEntity, "needs TLS", `value="tcp://b.example"`)
	b.post("/settings/brokers", "brokers", "ssl://a.example ssl://b.example", "reader", "nowhere").shows(t, http.StatusUnprocessableEntity, "There is no reader")
	b.post("/settings/brokers", "brokers", "ssl://a.example ssl://b.example").shows(t, http.StatusOK, "Saved for 1 reader.", `value="ssl://a.example:8883 ssl://b.example:8883"`)
	w.adopt("gate", "Gate", "Main building")
	b.get("/settings").shows(t, http.StatusOK, "Not all readers go to the same brokers")
	b.post("/settings/brokers", "brokers", "ssl://c.example", "revision", "outdated").shows(t, http.StatusUnprocessableEntity, "Somebody else has changed")
	w.visitor(desk.Super).post("/settings/brokers", "brokers", "").shows(t, http.StatusForbidden, "This requires Owner")
}

func TestASiteThatHasOutgrownTheEmbeddedBrokerIsTold(t *testing.T) {
	w := newWorld(t)
	c := &Console{desk: w.desk, brokerURL: "ssl://:8883"}
	if says := c.brokerTrouble(desk.EmbeddedFor); says != "" {
		t.Error(says)
	}
	if says := c.brokerTrouble(desk.EmbeddedFor + 1); !strings.Contains(says, "meant for up to 500 readers") {
		t.Error(says)
	}
	c.brokerURL = "ssl://broker.example:8883"
	if says := c.brokerTrouble(desk.EmbeddedFor + 1); says != "" {
		t.Errorf("a Mosquitto is not the embedded broker: %s", says)
	}
}
