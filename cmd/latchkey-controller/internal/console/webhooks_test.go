package console

import (
	"context"
	"html"
	"net/http"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

func TestAWebhookIsAddedWithASecretThatIsShownOnce(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	fields := []string{"name", "Door bot", "url", "https://example.com/hook", "event", "access.device.dps_status", "event", "latchkey.door.forced", "style", "standard", "headers", "X-Key: hunter2", "persons", "on", "once", "a token"}
	added := b.post("/webhooks", fields...)
	added.shows(t, http.StatusOK, "The secret of Door bot", "whsec_")
	_, secret, _ := strings.Cut(added.body, `data-text="`)
	secret, _, _ = strings.Cut(secret, `"`)
	secret = html.UnescapeString(secret)
	if len(secret) != len("whsec_")+44 {
		t.Errorf("%q", secret)
	}
	for _, p := range []*page{b.post("/webhooks", fields...), b.get("/webhooks"), b.get("/webhooks/1"), b.get("/webhooks/1?ask=edit"), b.get("/settings/audit")} {
		if strings.Contains(html.UnescapeString(p.body), secret) || strings.Contains(p.body, "hunter2") {
			t.Error("the secret is shown again")
		}
	}
	b.get("/webhooks/1?ask=edit").shows(t, http.StatusOK, `value="https://example.com/hook"`, "X-Key:", `value="latchkey.door.forced" checked`, `name="send" value="on" checked`)
	b.post("/webhooks/1", "name", "Bot", "url", "https://example.com/hook", "event", "access.door.unlock", "style", "unifi", "headers", "X-Key:", "revision", "another").shows(t, http.StatusUnprocessableEntity, "Saving again overwrites that change")
	b.post("/webhooks/1", "name", "Bot", "url", "https://example.com/hook", "event", "access.door.unlock", "style", "unifi", "headers", "X-Key:").shows(t, http.StatusOK, "The webhook was changed", "Nothing is sent: stopped by")
	b.post("/webhooks/1/test").shows(t, http.StatusUnprocessableEntity, "switch it on first")
	b.get("/webhooks/1?ask=secret").shows(t, http.StatusOK, "A new secret for Bot?", "refuses what comes until it has the new secret")
	anew := b.post("/webhooks/1/secret", "once", "another token")
	anew.shows(t, http.StatusOK, "The secret of Bot", "whsec_")
	if strings.Contains(html.UnescapeString(anew.body), secret) {
		t.Error("it is the secret of before")
	}
	for _, p := range []*page{b.post("/webhooks/1/secret", "once", "another token"), b.get("/webhooks/1"), b.get("/settings/audit")} {
		if strings.Contains(p.body, "whsec_") {
			t.Error("the new secret is shown again")
		}
	}
	b.post("/webhooks/1/remove").shows(t, http.StatusOK, "nothing more is sent there", "No webhooks")
	b.post("/webhooks/1/remove").shows(t, http.StatusOK, "already removed")
}

func TestDeliveriesAreListedAndSentAgain(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	_, err := w.desk.AllowWebhookHost(t.Context(), owner, "n8n.home:5678")
	w.must(err)
	w.deliveries("n8n", "http://n8n.home:5678/webhook/1")
	b.get("/webhooks").shows(t, http.StatusOK, "n8n.home:5678", "1 failed", "1 waiting")
	b.get("/webhooks/1").shows(t, http.StatusOK, "It answered 500 Internal Server Error.", "last answer 500", "Send again", "Try now")
	if p := b.get("/webhooks/1?state=delivered"); strings.Contains(p.body, "/resend") || !strings.Contains(p.body, "access.device.dps_status") {
		t.Error(text(p.body))
	}
	b.get("/webhooks/1?state=failed").shows(t, http.StatusOK, "latchkey.test", "Send again")
	_, delivery, _ := strings.Cut(b.get("/webhooks/1?state=failed").body, `name="delivery" value="`)
	delivery, _, _ = strings.Cut(delivery, `"`)
	b.post("/webhooks/1/resend", "delivery", delivery).shows(t, http.StatusOK, "is sent again")
	b.get("/webhooks/1?state=failed").shows(t, http.StatusOK, "None is failed")
	b.post("/webhooks/1/resend", "delivery", "x").shows(t, http.StatusNotFound)
	b.post("/webhooks/hosts/remove", "host", "n8n.home:5678").shows(t, http.StatusOK, "Nothing more is sent to n8n.home:5678")
	b.post("/webhooks/hosts/remove", "host", "n8n.home:5678").shows(t, http.StatusOK, "already removed")
	b.post("/webhooks/hosts", "host", "https://N8N.home/x").shows(t, http.StatusOK, "n8n.home:443")
}

// deliveries adds a webhook with one delivery that arrived, one that waits, and one that
// failed.
func (w *world) deliveries(name, url string) {
	w.t.Helper()
	ctx := w.t.Context()
	id, _, err := w.desk.AddWebhook(ctx, owner, desk.WebhookForm{Name: name, URL: url, Events: []string{"access.device.dps_status", "access.door.unlock", "latchkey.lockout.started"}, Style: desk.StyleUniFi, Persons: true, Headers: map[string]string{"X-Api-Key": "hunter2"}})
	w.must(err)
	front := w.journal("front-door")
	front.report(time.Now(), wire.Record{Kind: wire.DoorOpened})
	front.report(time.Now(), wire.Record{Kind: wire.DoorClosed})
	w.must(w.desk.TestWebhook(ctx, owner, id))
	for {
		_, more, err := w.desk.QueueWebhooks(ctx, func(*desk.WebhookEvent, desk.WebhookStyle, bool) []byte { return []byte("{}") })
		w.must(err)
		if !more {
			break
		}
	}
	for _, got := range []desk.Attempt{{Status: 200}, {Status: 500, Problem: "it answered 500 Internal Server Error"}} {
		due, _, err := w.desk.Due(ctx, func(webhook, lane int64) bool { return webhook == id && (lane >= 0 || got.Problem != "") })
		w.must(err)
		for _, o := range due {
			w.must(w.desk.Settle(ctx, o.ID, got))
		}
	}
}

// webhookTour looks at the pages of webhooks.
func webhookTour(t *testing.T, beside context.Context) {
	t.Helper()
	w := newWorld(t)
	w.adopt("front-door", "Front door", "Main building")
	ctx, complaints := chromium(t, beside, w, desk.Owner)
	tour(t, ctx, w, []stop{{"webhooks-none", "/webhooks", ""}})
	_, err := w.desk.AllowWebhookHost(t.Context(), owner, "n8n.home:5678")
	w.must(err)
	w.deliveries("n8n", "http://n8n.home:5678/webhook/4f5e8f6a-0c1f-4f7e-9d0e-1f7a1c6c3b52/unifi-access-trigger")
	_, _, err = w.desk.AddWebhook(t.Context(), owner, desk.WebhookForm{Name: "A receiver that nobody needs any more", URL: "https://example.com/", Events: []string{"access.door.unlock"}, Style: desk.StyleStandard, Stop: true})
	w.must(err)
	tour(t, ctx, w, []stop{
		{"webhooks", "/webhooks", ""},
		{"webhook-new", "/webhooks?ask=add", ""},
		{"webhook-host", "/webhooks?ask=host", ""},
		{"webhook", "/webhooks/1", ""},
		{"webhook-edit", "/webhooks/1?ask=edit", ""},
		{"webhook-secret", "/webhooks/1?ask=secret", ""},
		{"webhook-remove", "/webhooks/1?ask=remove", ""},
		{"webhook-stopped", "/webhooks/2", ""},
	})
	contented(t, complaints)
}
