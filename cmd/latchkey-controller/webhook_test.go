package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site"
)

// A controller is killed after an event was stored and before it was sent, and then again
// while the receiver has it and has not answered.
func TestAControllerThatIsKilledSendsWhatItHasStored(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "site")
	s, err := site.Create(t.Context(), dir, "", "home", "UTC", clock.Read())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	came, answer := make(chan string, 10), make(chan struct{})
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		came <- r.Header.Get("Webhook-Id")
		select {
		case <-answer:
		case <-r.Context().Done():
		}
	}))
	defer receiver.Close()
	d, root := desk.New(desk.Options{Site: s}), desk.AtCommandLine("root")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = d.AllowWebhookHost(t.Context(), root, receiver.URL)
	must(err)
	id, _, err := d.AddWebhook(t.Context(), root, desk.WebhookForm{Name: "n8n", URL: receiver.URL, Events: []string{"access.door.unlock"}, Style: desk.StyleUniFi})
	must(err)
	must(d.TestWebhook(t.Context(), root, id)) // no controller runs
	next := func() string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		select {
		case id := <-came:
			return id
		case <-ctx.Done():
			t.Fatal("nothing has come")
			return ""
		}
	}
	first := serveProcess(t, dir)
	message := next()
	first.kill()
	close(answer)
	again := serveProcess(t, dir)
	defer again.kill()
	if got := next(); got != message {
		t.Errorf("it is sent again as %s, not %s", got, message)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		page, err := d.Deliveries(t.Context(), root, id, "", 0, 0)
		must(err)
		if len(page.Deliveries) == 1 && page.Deliveries[0].State == desk.DeliveryDelivered {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%+v", page.Deliveries[0])
		}
	}
	if len(came) > 0 {
		t.Error("it was sent a third time")
	}
}
