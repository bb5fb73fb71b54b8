package api

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// carriedOut stores the newest order, and what its reader reports of it.
func (w *world) carriedOut() {
	w.t.Helper()
	o := w.live.orders[len(w.live.orders)-1]
	w.n++
	o.ID = wire.CommandID{1, byte(w.n)}
	w.must(w.site.Update(w.t.Context(), func(tx *store.Tx) error { return tx.AddOrder(&o) }))
	w.happens(o.Reader, wire.Record{Kind: wire.AccessGranted, By: wire.ByRemote, Who: o.Who, Command: o.ID, Seconds: 5})
}

// sent returns what a webhook is to send, oldest first.
func (w *world) sent(webhook int64) (bodies []string) {
	w.t.Helper()
	for more := true; more; {
		var err error
		_, more, err = w.desk.QueueWebhooks(w.t.Context(), WebhookBody(w.site.ID))
		w.must(err)
	}
	w.must(w.site.View(w.t.Context(), func(tx *store.Tx) error {
		rows, err := tx.Deliveries(webhook, store.Waiting, 1<<62, 100)
		for _, row := range rows {
			bodies = append([]string{string(row.Body)}, bodies...)
		}
		return err
	}))
	return bodies
}

func TestWhatAProgramSaysOfItsUnlockComesBack(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeRead, desk.ScopeActivity, desk.ScopeOperate)
	reader, door := w.reader()
	w.live.results = map[string]link.OrderResult{reader: {Done: true}}
	hook := desk.WebhookForm{Name: "With names", URL: "https://example.com/1", Events: []string{"access.door.unlock"}, Style: desk.StyleUniFi, Persons: true}
	hookID, _, err := w.desk.AddWebhook(t.Context(), root, hook)
	w.must(err)
	hook.Name, hook.URL, hook.Persons = "Without", "https://example.com/2", false
	nameless, _, err := w.desk.AddWebhook(t.Context(), root, hook)
	w.must(err)
	l := p.listen()

	const extra = `{"extra_string":"t\"[{","extra_integer":9007199254740993,"list":[[[[[[[]]]]]]]}`
	var data string
	p.unifi("PUT", "/doors/"+w.doorID(door)+"/unlock", `{"actor_id": "u-1", "actor_name": "Ada ✓", "extra": `+strings.ReplaceAll(extra, ",", " , ")+`}`).into(t, &data)
	w.carriedOut()
	p.unifi("PUT", "/doors/"+w.doorID(door)+"/unlock", `{"actor_id": "", "actor_name": "", "extra": null}`).into(t, &data)
	w.carriedOut()

	var told insight
	var log logHit
	if l.until("access.logs.insights.add", &told); told.Metadata["actor"] != (named{"u-1", "admin", "Ada ✓"}) {
		t.Errorf("%+v", told.Metadata["actor"])
	}
	if l.until("access.logs.add", &log); log.Source.Actor.Name != "Ada ✓" || !strings.HasSuffix(log.Source.Actor.AlternateName, "(token)") {
		t.Errorf("%+v", log.Source.Actor)
	}
	var page logPage
	p.unifi("POST", "/system/logs", map[string]any{"topic": "door_openings"}).into(t, &page)
	if len(page.Hits) != 2 || page.Hits[1].Source.Actor.ID != "u-1" || page.Hits[0].Source.Actor.ID != "" || !strings.HasSuffix(page.Hits[0].Source.Actor.Name, "(token)") {
		t.Errorf("%+v", page.Hits)
	}

	data1 := func(body string) (d webhookData) {
		var f webhookFrame
		w.must(json.Unmarshal([]byte(body), &f))
		return f.Data
	}
	sent := w.sent(hookID)
	if len(sent) != 2 {
		t.Fatalf("%q", sent)
	}
	if d := data1(sent[0]); *d.Actor != (webhookActor{"u-1", "Ada ✓", "admin"}) || string(d.Extra) != extra {
		t.Error(sent[0])
	}
	if d := data1(sent[1]); d.Actor.ID != "" || !strings.HasSuffix(d.Actor.Name, "(token)") || string(d.Extra) != "{}" {
		t.Error(sent[1])
	}
	for _, body := range w.sent(nameless) {
		if d := data1(body); *d.Actor != (webhookActor{Type: "admin"}) || string(d.Extra) != "{}" {
			t.Error(body)
		}
	}
}

func TestAReaderCannotTellOfAnUnlockOfAnother(t *testing.T) {
	w := newWorld(t)
	reader, _ := w.reader()
	other, _ := w.reader()
	o := store.Order{ID: wire.CommandID{7}, Reader: reader, Order: wire.Unlock, Who: "Hass", Note: store.UnlockNote{ActorID: "u-1", ActorName: "Ada"}}
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error { return tx.AddOrder(&o) }))
	w.happens(other, wire.Record{Kind: wire.AccessGranted, By: wire.ByRemote, Who: "Hass", Command: o.ID, Seconds: 5})
	page, err := w.desk.Activity(t.Context(), root, desk.Query{Kind: "granted"})
	w.must(err)
	if got := page.Events[0].Note; got != (store.UnlockNote{}) {
		t.Errorf("%+v", got)
	}
}

func TestWhatAProgramSaysIsBounded(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeOperate)
	reader, door := w.reader()
	w.live.results = map[string]link.OrderResult{reader: {Done: true}}
	text := strings.Repeat("x", 128)
	deep := func(n int) string { return `{"a":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + "}" }
	long := func(n int) string { return `{"a":"` + strings.Repeat("x", n-8) + `"}` }
	if got := desk.Sentence("actor_id may have 128 bytes at most"); got != "actor_id may have 128 bytes at most" {
		t.Error(got)
	}
	for body, want := range map[string]string{
		`{"actor_id": "` + text + `", "actor_name": "` + text + `"}`:  "200 SUCCESS",
		`{"actor_id": "` + text + `x", "actor_name": "` + text + `"}`: "400 CODE_PARAMS_INVALID",
		`{"actor_id": "` + text + `", "actor_name": "` + text + `x"}`: "400 CODE_PARAMS_INVALID",
		`{"actor_id": "` + text + `", "actor_name": ""}`:              "400 CODE_PARAMS_INVALID",
		`{"extra": ` + deep(8) + `}`:                                  "200 SUCCESS",
		`{"extra": ` + deep(9) + `}`:                                  "400 CODE_PARAMS_INVALID",
		`{"extra": ` + long(4096) + `}`:                               "200 SUCCESS",
		`{"extra": ` + long(4097) + `}`:                               "400 CODE_PARAMS_INVALID",
		`{"extra": ` + strings.Repeat(" ", 5000) + long(4096) + ` }`:  "200 SUCCESS",
		`{"extra": []}`: "400 CODE_PARAMS_INVALID",
		`{"extra": {}}`: "200 SUCCESS",
		`{"extra": {"a": "` + string(bytes.Repeat([]byte{0}, 3)) + `"}}`: "400 CODE_PARAMS_INVALID",
		`{"extra": {"a": "` + "\xff" + `"}}`:                             "400 CODE_PARAMS_INVALID",
		`{"extra": {"` + "\xc3" + `": 1}}`:                               "400 CODE_PARAMS_INVALID",
		`{"extra": {"a": "` + "\u00e4" + `"}}`:                           "200 SUCCESS",
	} {
		if got := p.unifi("PUT", "/doors/"+w.doorID(door)+"/unlock", body); got.code() != want {
			t.Errorf("%.60s: %s", body, got.body)
		}
	}
}
