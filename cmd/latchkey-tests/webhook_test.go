package tests

import (
	"fmt"
	"strings"
	"testing"
)

// hook calls one of the functions with which the trigger looks after its webhook.
func (n *n8n) hook(method string, events ...string) (ok bool) {
	n.t.Helper()
	n.must(n.ask("trigger", map[string]any{"method": method, "events": events}, &ok))
	return ok
}

func TestATriggerOfN8nHearsOfTheDoorAndKnowsOurSignature(t *testing.T) {
	t.Parallel()
	c := adaAndBobLinked(t, false)
	c.serveAPI()
	reader := c.adopt(t, "front-door")
	reader.start()
	reader.linked()
	n := c.n8n(c.token("n8n", "read", "activity", "operate", "manage", "webhooks"))
	c.tell("", "webhook", "allow", fmt.Sprintf("127.0.0.1:%d", n.port))
	if n.hook("checkExists") {
		t.Error("its webhook exists before it is made")
	}
	events := []string{"access.door.unlock", "access.device.dps_status"}
	n.hook("create", events...)
	if !n.hook("checkExists") {
		t.Error("its webhook does not exist")
	}

	reader.typePIN(adaPIN)
	reader.opens("a PIN")
	d := n.delivery("/n8n", "access.door.unlock", 200)
	if d.Body.Data.Location.Name != "Front door" || d.Body.Data.Actor == nil || d.Body.Data.Object["result"] != "Access Granted" {
		t.Errorf("%+v", d.Body)
	}
	reader.closed()
	reader.call("PUT", "/api/lines/door-open", map[string]bool{"active": true}, nil)
	n.delivery("/n8n", "access.device.dps_status", 200) // so that the next is the unlock

	n.must(n.ask("refuse", map[string]any{"count": 1}, nil)) // it comes again
	c.tell("", "unlock", "front-door", "--by", "Olga Owner")
	first := n.delivery("/n8n", "access.door.unlock", 500)
	again := n.delivery("/n8n", "access.door.unlock", 200)
	if first.Headers["webhook-id"] == "" || first.Headers["webhook-id"] != again.Headers["webhook-id"] || first.Headers["signature"] == again.Headers["signature"] {
		t.Errorf("first %v\nthen %v", first.Headers, again.Headers)
	}
	reader.closed()

	n.must(n.ask("forge", nil, nil)) // the receiver has another secret
	c.tell("", "unlock", "front-door", "--by", "Olga Owner")
	n.delivery("/n8n", "", 401)

	n.hook("delete")
	if n.hook("checkExists") {
		t.Error("its webhook exists though it was removed")
	}
}

func TestAWebhookIsVerifiedByAnotherLibrary(t *testing.T) {
	t.Parallel()
	c := adaAndBobLinked(t, false)
	c.serveAPI()
	reader := c.adopt(t, "front-door")
	reader.start()
	reader.linked()
	n := c.n8n(c.token("n8n", "webhooks"))
	host := fmt.Sprintf("127.0.0.1:%d", n.port)
	c.tell("", "webhook", "allow", host)
	said := c.tell("", "webhook", "add", "standard", "http://"+host+"/standard", "--style", "standard", "--event", "access.door.unlock")
	at := strings.Index(said, "whsec_")
	if at < 0 {
		t.Fatalf("no secret: %s", said)
	}
	n.must(n.ask("standard", map[string]any{"secret": strings.Fields(said[at:])[0]}, nil))
	c.tell("", "unlock", "front-door", "--by", "Olga Owner")
	d := n.delivery("/standard", "", 200)
	if d.Body.Type != "access.door.unlock" || d.Body.Timestamp.IsZero() || d.Body.Data.Location.Name != "Front door" {
		t.Errorf("%+v", d.Body)
	}
	n.must(n.ask("standard", map[string]any{"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, nil))
	reader.closed()
	c.tell("", "unlock", "front-door", "--by", "Olga Owner")
	n.delivery("/standard", "", 401)
}
