package console

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/store"
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
	b.get("/").shows(t, http.StatusOK, "The broker ssl://b.example:8883 is out of reach: nothing listens there", "Readers use the brokers that are connected; doors are not affected.", `href="/settings#brokers"`)
	b.get("/settings").shows(t, http.StatusOK, "ssl://a.example:8883", `<span class="dot good">`, `<span class="dot bad">`, "Nothing listens there")
	b.post("/settings/brokers", "brokers", "tcp://b.example").shows(t, http.StatusUnprocessableEntity, "needs TLS", `>tcp://b.example</textarea>`)
	b.post("/settings/brokers", "brokers", "ssl://a.example ssl://b.example", "reader", "nowhere").shows(t, http.StatusUnprocessableEntity, "There is no reader")
	b.post("/settings/brokers", "brokers", "ssl://a.example ssl://b.example").shows(t, http.StatusOK, "Saved for 1 reader.", ">ssl://a.example:8883\nssl://b.example:8883</textarea>")
	b.post("/settings/brokers", "brokers", "ssl://a.example\r\nssl://b.example").shows(t, http.StatusOK, "Nothing is changed")
	w.adopt("gate", "Gate", "Main building")
	b.get("/settings").shows(t, http.StatusOK, "Not all readers go to the same brokers:", `<a href="/readers/gate">`, `<option value="gate">`)
	b.post("/settings/brokers", "brokers", "").shows(t, http.StatusUnprocessableEntity, "Name at least one broker, or go back to those of the bundles")
	b.get("/settings").shows(t, http.StatusOK, "Not all readers")
	unheard := b.post("/settings/brokers", "brokers", "ssl://nosuch.example", "reader", "gate")
	unheard.shows(t, http.StatusUnprocessableEntity, "not connected to ssl://nosuch.example:8883", `name="anyway"`, `<option value="gate" selected>`)
	b.post("/settings/brokers", "brokers", "ssl://nosuch.example", "reader", "gate", "anyway", "on").shows(t, http.StatusOK, "Saved for 1 reader.", "not connected to ssl://nosuch.example:8883")
	b.get("/").shows(t, http.StatusOK, "doors are not affected. The controller is not connected to ssl://nosuch.example:8883")
	b.post("/settings/brokers", "brokers", "ssl://c.example", "act", "bundle").shows(t, http.StatusOK, "Saved for 2 readers.")
	if got := b.get("/settings"); strings.Contains(got.body, "nosuch.example") {
		t.Error("readers go on to a broker that is in no bundle")
	}
	b.post("/settings/brokers", "brokers", "ssl://c.example", "revision", "outdated").shows(t, http.StatusUnprocessableEntity, "Somebody else has changed")
	w.visitor(desk.Super).post("/settings/brokers", "brokers", "").shows(t, http.StatusForbidden, "This requires Owner")
}

func TestASiteThatHasOutgrownTheEmbeddedBrokerIsTold(t *testing.T) {
	w := newWorld(t)
	c := &Console{desk: w.desk, brokerURL: "ssl://:8883"}
	if says, _, _ := c.brokerTrouble(t.Context(), desk.EmbeddedFor); says != nil {
		t.Error(says)
	}
	if says, _, _ := c.brokerTrouble(t.Context(), desk.EmbeddedFor+1); !strings.Contains(says.String(), "meant for up to 500 readers") {
		t.Error(says)
	}
	c.brokerURL = "ssl://broker.example:8883"
	if says, _, _ := c.brokerTrouble(t.Context(), desk.EmbeddedFor+1); says != nil {
		t.Errorf("a Mosquitto is not the embedded broker: %s", says)
	}
}

func TestNoReaderIsBlamedWhenNoBrokerAnswers(t *testing.T) {
	w := newWorld(t)
	w.adopt("front-door", "Front door", "Main building")
	w.live.mu.Lock()
	w.live.brokers = []link.BrokerStatus{{URL: "ssl://a.example:8883", Why: "connection refused", Since: time.Now()}}
	w.live.states = []link.ReaderStatus{{ID: "front-door", Heard: time.Now().Add(-time.Hour)}}
	w.live.mu.Unlock()
	got := w.visitor(desk.Owner).get("/")
	got.shows(t, http.StatusOK, "No reader can be heard until a broker answers", "<b>1</b><span>alert</span>")
	if strings.Contains(got.body, "check its power and network") && strings.Contains(got.body, "is offline") {
		t.Error("the reader is blamed")
	}
}

func TestAnAlarmOfTheSiteIsAnAlertForADay(t *testing.T) {
	w := newWorld(t)
	w.adopt("front-door", "Front door", "Main building")
	if err := w.site.AddAlarm(t.Context(), &store.Alarm{Kind: store.LogForeign, At: time.Now().UnixMilli(), Text: "the database was restored to an older state"}); err != nil {
		t.Fatal(err)
	}
	w.visitor(desk.Owner).get("/").shows(t, http.StatusOK, `id="alert-alarm-`, "restored to an older state", "<b>1</b><span>alert</span>")
}
