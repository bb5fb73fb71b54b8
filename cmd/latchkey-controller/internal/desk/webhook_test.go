package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// hook returns the form of a webhook with a URL of its own.
func (w *world) hook(events ...string) WebhookForm {
	w.n++
	if events == nil {
		events = []string{eventUnlock}
	}
	return WebhookForm{Name: fmt.Sprint("Hook ", w.n), URL: fmt.Sprintf("https://example.com/%d", w.n), Events: events, Style: StyleUniFi}
}

// webhook is an attempt on a webhook.
func webhook(do func(w *world, ctx context.Context, a Actor, id int64) error) attempt {
	return func(w *world) func(context.Context, Actor) error {
		id, _, err := w.AddWebhook(w.t.Context(), as(Owner), w.hook())
		w.must(err)
		return func(ctx context.Context, a Actor) error { return do(w, ctx, a, id) }
	}
}

func (w *world) firstDelivery(webhook int64) int64 {
	w.t.Helper()
	page, err := w.Deliveries(w.t.Context(), as(Owner), webhook, "", 0, 0)
	w.must(err)
	if len(page.Deliveries) == 0 {
		return 0
	}
	return page.Deliveries[0].ID
}

// names is a Body that holds an event's name, result and status.
func names(n *WebhookEvent, _ WebhookStyle, _ bool) []byte {
	return fmt.Appendf(nil, "%s %s %s %s", n.Name, n.Event.Result, n.Status, n.Mode)
}

// queued queues all that has happened, and returns the bodies of what waits, oldest first.
func (w *world) queued(webhook int64) (bodies []string) {
	w.t.Helper()
	for more := true; more; {
		var err error
		_, more, err = w.QueueWebhooks(w.t.Context(), names)
		w.must(err)
	}
	w.must(w.site.View(w.t.Context(), func(tx *store.Tx) error {
		rows, err := tx.Deliveries(webhook, store.Waiting, 1<<62, 2*maxWaiting)
		for _, row := range slices.Backward(rows) {
			bodies = append(bodies, strings.TrimSpace(strings.TrimPrefix(string(row.Body), "access.")))
		}
		return err
	}))
	return bodies
}

func everyEvent() (all []string) {
	for _, e := range WebhookEvents() {
		all = append(all, e.Name)
	}
	return all
}

func TestAFormOfAWebhookIsChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.AllowWebhookHost(t.Context(), as(Owner), "http://N8N.home:5678/webhook/1")
	w.must(err)
	for _, c := range []struct {
		edit  func(*WebhookForm)
		field string
	}{
		{func(f *WebhookForm) { f.Name = " " }, "name"},
		{func(f *WebhookForm) { f.Name = strings.Repeat("x", 65) }, "name"},
		{func(f *WebhookForm) { f.URL = "" }, "url"},
		{func(f *WebhookForm) { f.URL = "example.com/hook" }, "url"},
		{func(f *WebhookForm) { f.URL = "ftp://example.com/" }, "url"},
		{func(f *WebhookForm) { f.URL = "https:example.com" }, "url"},
		{func(f *WebhookForm) { f.URL = "http://example.com/" }, "url"},
		{func(f *WebhookForm) { f.URL = "http://n8n.home/" }, "url"},
		{func(f *WebhookForm) { f.URL = "https://ada:secret@example.com/" }, "url"},
		{func(f *WebhookForm) { f.URL = "https://example.com/#a" }, "url"},
		{func(f *WebhookForm) { f.URL = "https://127.0.0.1/" }, "url"},
		{func(f *WebhookForm) { f.URL = "https://[::ffff:10.0.0.1]/" }, "url"},
		{func(f *WebhookForm) { f.URL = "https://[fe80::1%25eth0]/" }, "url"},
		{func(f *WebhookForm) { f.URL = "https://example.com/" + strings.Repeat("x", maxWebhookURL) }, "url"},
		{func(f *WebhookForm) { f.URL = "https://example.com:0/" }, "url"},
		{func(f *WebhookForm) { f.URL = "https://example.com:65536/" }, "url"},
		{func(f *WebhookForm) { f.URL = "https://example.com:443443/" }, "url"},
		{func(f *WebhookForm) { f.URL = "https://example.com:/" }, "url"},
		{func(f *WebhookForm) { f.URL = "https://example.com/a b" }, "url"},
		{func(f *WebhookForm) { f.URL = "https://example.com/?a=\u00a0b" }, "url"},
		{func(f *WebhookForm) { f.URL = "https://example.com/?a=\u0085" }, "url"},
		{func(f *WebhookForm) { f.URL = "https://example.com/\xff" }, "url"},
		{func(f *WebhookForm) { f.Events = nil }, "events"},
		{func(f *WebhookForm) { f.Events = []string{eventUnlock, "access.door.duress"} }, "events"},
		{func(f *WebhookForm) { f.Style = "soap" }, "style"},
		{func(f *WebhookForm) { f.Headers = map[string]string{"host": "elsewhere"} }, "headers"},
		{func(f *WebhookForm) { f.Headers = map[string]string{"Webhook-Signature": "v1,"} }, "headers"},
		{func(f *WebhookForm) { f.Headers = map[string]string{"Signature": "t=1"} }, "headers"},
		{func(f *WebhookForm) { f.Headers = map[string]string{"X-A": "1\r\nX-B: 2"} }, "headers"},
		{func(f *WebhookForm) { f.Headers = map[string]string{"X A": "1"} }, "headers"},
		{func(f *WebhookForm) { f.Headers = map[string]string{"X-A": strings.Repeat("x", maxHeadersLength)} }, "headers"},
		{func(f *WebhookForm) { f.URL = "http://n8n.home:5678/webhook/2" }, ""},
		{func(f *WebhookForm) { f.URL = "https://n8n.home:5678/webhook/2" }, ""},
		{func(f *WebhookForm) { f.URL = "https://192.0.2.1.example.com:8443/?a=b" }, ""},
		{func(f *WebhookForm) { f.Headers = map[string]string{"x-api-key": "secret"} }, ""},
	} {
		f := w.hook()
		c.edit(&f)
		before := w.webhooks()
		_, secret, err := w.AddWebhook(t.Context(), as(Owner), f)
		if c.field == "" {
			if err != nil || len(secret) != len("whsec_")+44 {
				t.Errorf("%+v: %v, %q", f, err, secret)
			}
			if w.webhooks() == before {
				t.Errorf("%+v was not added", f)
			}
			w.must(w.RemoveWebhook(t.Context(), as(Owner), w.lastWebhook()))
			continue
		}
		if fields := Fields(err); fields[c.field].String() == "" || len(fields) > 1 {
			t.Errorf("%+v: %v, not about %s", f, err, c.field)
		}
		if w.webhooks() != before {
			t.Errorf("%+v was added", f)
		}
	}
}

func (w *world) webhooks() int {
	all, err := w.Webhooks(w.t.Context(), as(Owner))
	w.must(err)
	return len(all)
}

func (w *world) lastWebhook() (id int64) {
	all, err := w.Webhooks(w.t.Context(), as(Owner))
	w.must(err)
	for _, one := range all {
		id = max(id, one.ID)
	}
	return id
}

func TestAURLIsThereOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f, other := w.hook(), w.hook()
	_, _, err := w.AddWebhook(t.Context(), as(Owner), f)
	w.must(err)
	if _, _, err := w.AddWebhook(t.Context(), as(Owner), f); !errors.Is(err, ErrSameURL) {
		t.Error(err)
	}
	id, _, err := w.AddWebhook(t.Context(), as(Owner), other)
	w.must(err)
	if err := w.EditWebhook(t.Context(), as(Owner), id, "", func(g *WebhookForm) { g.URL = f.URL }); !errors.Is(err, ErrSameURL) {
		t.Error(err)
	}
}

func TestValuesOfHeaderFieldsAreNeverShownAndStayWithTheirURL(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.hook()
	f.Headers = map[string]string{"x-key": "hunter2", "X-Other": "a"}
	id, secret, err := w.AddWebhook(t.Context(), as(Owner), f)
	w.must(err)
	due := func() *Outgoing {
		t.Helper()
		if w.firstDelivery(id) == 0 {
			w.must(w.TestWebhook(t.Context(), as(Owner), id))
		}
		due, _, err := w.Due(t.Context(), func(int64, int64) bool { return true })
		if err != nil || len(due) != 1 {
			t.Fatal(due, err)
		}
		return due[0]
	}
	shown, err := w.Webhooks(t.Context(), as(Owner))
	w.must(err)
	if text := fmt.Sprintf("%+v", *shown[0]); strings.Contains(text, "hunter2") || strings.Contains(text, secret) {
		t.Error(text)
	}
	w.must(w.EditWebhook(t.Context(), as(Owner), id, shown[0].Revision, func(f *WebhookForm) {
		delete(f.Headers, "X-Other")
		f.Name = "Another name"
	}))
	if o := due(); len(o.Headers) != 1 || o.Headers["X-Key"] != "hunter2" || o.Secret != secret {
		t.Errorf("%+v", o.Headers)
	}
	// Whoever may change the URL does not get at what somebody else entered.
	for _, url := range []string{"https://elsewhere.example/", f.URL + "/elsewhere", f.URL + "?for=eve"} {
		err = w.EditWebhook(t.Context(), as(Owner), id, "", func(f *WebhookForm) { f.URL = url })
		if Fields(err)["headers"] == nil {
			t.Errorf("the field goes to %s: %v", url, err)
		}
	}
	if e := w.newest(); strings.Contains(e.Text.String(), "hunter2") {
		t.Error(e.Text)
	}
	if err := w.EditWebhook(t.Context(), as(Owner), id, shown[0].Revision, func(*WebhookForm) {}); Fields(err)["webhook"] == nil {
		t.Errorf("a form of before: %v", err)
	}
}

func TestWebhooksSendWhatTheyAreFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reader, user := w.reader(), w.underDuress()
	before, _, err := w.AddWebhook(t.Context(), as(Owner), w.hook(everyEvent()...))
	w.must(err)
	f := w.hook(everyEvent()...)
	f.Denied = true
	denied, _, err := w.AddWebhook(t.Context(), as(Owner), f)
	w.must(err)
	w.records(reader,
		&wire.Record{Kind: wire.AccessGranted, User: user, By: wire.ByCard},
		&wire.Record{Kind: wire.AttemptStarted, Seq: 1},
		&wire.Record{Kind: wire.AttemptUnknown, Seq: 1, Wrong: 1},
		&wire.Record{Kind: wire.Duress, User: user, Seq: 2},
		&wire.Record{Kind: wire.DoorOpened}, &wire.Record{Kind: wire.DoorForced}, &wire.Record{Kind: wire.DoorHeld, Seconds: 30}, &wire.Record{Kind: wire.DoorClosed},
		&wire.Record{Kind: wire.ModeChanged, Mode: wire.ModeUnlocked, Subject: string(wire.CauseSchedule)},
		&wire.Record{Kind: wire.ModeChanged, Mode: wire.ModeLockdown, Subject: string(wire.CauseWanted), Who: "Grace"},
		&wire.Record{Kind: wire.FireStarted},
		&wire.Record{Kind: wire.ModeChanged, Mode: wire.ModeEvacuation, Subject: string(wire.CauseFire)},
		&wire.Record{Kind: wire.FireEnded, Mode: wire.ModeNormal},
		&wire.Record{Kind: wire.ModeChanged, Mode: wire.ModeNormal},
		&wire.Record{Kind: wire.ModeChanged, Mode: wire.ModeUnlocked, Subject: string(wire.CauseWanted), Who: "Grace"},
		&wire.Record{Kind: wire.ModeChanged, Mode: wire.ModeLocked, Subject: string(wire.CauseWanted), Who: "Grace"},
		&wire.Record{Kind: wire.LockoutStarted, Cause: wire.CauseGuessing}, &wire.Record{Kind: wire.LockoutCleared, By: wire.ByCard, User: user},
		&wire.Record{Kind: wire.TamperStarted}, &wire.Record{Kind: wire.TamperEnded},
	)
	w.invite(w.visit(w.visited(), day))
	want := []string{
		"door.unlock granted", "door.unlock denied", "device.dps_status plain open", "latchkey.door.forced alarm", "latchkey.door.held alarm", "device.dps_status plain close",
		"unlock_schedule.activate plain", "unlock_schedule.deactivate plain", "device.emergency_status plain lockdown lockdown",
		"device.emergency_status alarm evacuation lockdown", "device.emergency_status alarm evacuation evacuation", "device.emergency_status plain none evacuation",
		"temporary_unlock.start plain", "temporary_unlock.end plain", "latchkey.lockout.started paused", "latchkey.lockout.cleared plain", "latchkey.tamper.started alarm", "latchkey.tamper.ended plain",
		"visitor.status.changed changed UPCOMING",
	}
	if got := w.queued(denied); !slices.Equal(got, want) {
		t.Errorf("%q\nnot %q", got, want)
	}
	want = slices.Delete(want, 1, 2)
	if got := w.queued(before); !slices.Equal(got, want) {
		t.Errorf("without denied attempts %q\nnot %q", got, want)
	}
	// What happened before is not sent.
	late, _, err := w.AddWebhook(t.Context(), as(Owner), w.hook(everyEvent()...))
	w.must(err)
	if got := w.queued(late); len(got) > 0 {
		t.Errorf("%q", got)
	}
}

// settle ends the attempt on what is due, and returns whether something was.
func (w *world) settle(got Attempt) bool {
	w.t.Helper()
	due, _, err := w.Due(w.t.Context(), func(int64, int64) bool { return true })
	w.must(err)
	for _, o := range due {
		w.must(w.Settle(w.t.Context(), o.ID, got))
	}
	return len(due) > 0
}

func TestADeliveryIsTriedForThreeDaysAndThenOnlyByAPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reader := w.reader()
	id, _, err := w.AddWebhook(t.Context(), as(Owner), w.hook(eventContact))
	w.must(err)
	w.records(reader, &wire.Record{Kind: wire.DoorOpened}, &wire.Record{Kind: wire.DoorClosed})
	w.queued(id)
	began := w.time
	var tried []time.Duration
	first := w.lastDelivery(id, 1)
	for range 200_000 { // 5 s a step
		if w.lastDelivery(id, 1).State != DeliveryWaiting {
			break
		}
		if w.settle(Attempt{Status: 500, Problem: "it answered 500"}) {
			tried = append(tried, w.time.Sub(began))
		}
		_, next, err := w.Due(t.Context(), func(int64, int64) bool { return true })
		w.must(err)
		w.pass(max(next, time.Second))
	}
	t.Log(tried)
	if len(tried) != 10 || tried[1] < 5*time.Second || tried[1] > 7*time.Second || tried[9] < 75*time.Hour || tried[9] > 84*time.Hour {
		t.Errorf("tried at %v", tried)
	}
	if d := w.lastDelivery(id, 1); d.ID != first.ID || d.State != DeliveryFailed || d.Attempts != 10 || d.Status != 500 {
		t.Errorf("%+v", d)
	}
	// The next in the lane is as old: it is tried once, so that others come soon.
	if d := w.lastDelivery(id, 0); d.State != DeliveryWaiting {
		t.Errorf("%+v", d)
	}
	w.settle(Attempt{Problem: "no answer"})
	if d := w.lastDelivery(id, 0); d.State != DeliveryFailed || d.Attempts != 1 {
		t.Errorf("%+v", d)
	}
	w.must(w.ResendDelivery(t.Context(), as(Owner), id, first.ID))
	if !w.settle(Attempt{Status: 200}) {
		t.Error("what is sent again is not due")
	}
	if d := w.lastDelivery(id, 1); d.State != DeliveryDelivered || d.Attempts != 1 {
		t.Errorf("%+v", d)
	}
	if err := w.ResendDelivery(t.Context(), as(Owner), id, first.ID); Fields(err)["delivery"] == nil {
		t.Errorf("what has arrived is sent again: %v", err)
	}
}

// lastDelivery returns a delivery of a webhook, 0: the newest.
func (w *world) lastDelivery(webhook int64, n int) *Delivery {
	w.t.Helper()
	page, err := w.Deliveries(w.t.Context(), as(Owner), webhook, "", 0, 0)
	w.must(err)
	return page.Deliveries[n]
}

func TestAReceiverThatIsGoneGetsNothingMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reader := w.reader()
	id, _, err := w.AddWebhook(t.Context(), as(Owner), w.hook(eventContact))
	w.must(err)
	w.records(reader, &wire.Record{Kind: wire.DoorOpened}, &wire.Record{Kind: wire.DoorClosed})
	w.queued(id)
	w.settle(Attempt{Status: 410, Problem: "gone", Gone: true})
	if e := w.newest(); e.Text.String() != "Latchkey stopped the webhook Hook 2: its receiver answered that it is gone (410)" {
		t.Error(e.Text)
	}
	w.records(reader, &wire.Record{Kind: wire.DoorOpened})
	if got := w.queued(id); len(got) > 0 || w.settle(Attempt{}) {
		t.Errorf("%q is to be sent", got)
	}
	w.must(w.EditWebhook(t.Context(), as(Owner), id, "", func(f *WebhookForm) { f.Stop = false }))
	w.records(reader, &wire.Record{Kind: wire.DoorClosed})
	if got := w.queued(id); !slices.Equal(got, []string{"device.dps_status plain close"}) {
		t.Errorf("it goes on with %q", got)
	}
}

func TestEventsWaitInTheActivityWhileAReceiverIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reader := w.reader()
	id, _, err := w.AddWebhook(t.Context(), as(Owner), w.hook(eventContact))
	w.must(err)
	const all = maxWaiting + 3*queuedAtOnce
	for sent := 0; sent < all; sent += 200 {
		var run []*wire.Record
		for i := range 200 {
			run = append(run, &wire.Record{Kind: wire.DoorOpened, Time: int64(1_700_000_000_000 + sent + i)})
		}
		w.records(reader, run...)
	}
	waits := len(w.queued(id))
	if waits < maxWaiting || waits >= maxWaiting+queuedAtOnce {
		t.Errorf("%d wait", waits)
	}
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error { return tx.StopDeliveries(id, "for the test") }))
	if more := len(w.queued(id)); waits+more != all {
		t.Errorf("%d and then %d of %d", waits, more, all)
	}
	page, err := w.Deliveries(t.Context(), as(Owner), id, DeliveryFailed, 0, 1000)
	w.must(err)
	if page.Webhook.Failed != keptFailed {
		t.Errorf("%d failed ones are kept", page.Webhook.Failed)
	}
}

func TestWhoMayNotKnowOfPersonsLeadsTheirNamesNowhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	named := func() WebhookForm {
		f := w.hook()
		f.Persons = true
		return f
	}
	id, _, err := w.AddWebhook(t.Context(), as(Owner), named())
	w.must(err)
	token := as(Owner)
	token.scopes = string(ScopeWebhooks)
	if err := w.EditWebhook(t.Context(), token, id, "", func(f *WebhookForm) { f.URL += "/elsewhere" }); !errors.Is(err, ErrNoScope) {
		t.Errorf("names go elsewhere: %v", err)
	}
	if e := w.newest(); !strings.Contains(e.Text.String(), "sends the names of persons") || !strings.Contains(e.Text.String(), string(ScopeActivity)) {
		t.Errorf("audited as %s", e.Text)
	}
	if _, _, err := w.AddWebhook(t.Context(), token, named()); !errors.Is(err, ErrNoScope) {
		t.Errorf("a webhook with names: %v", err)
	}
	w.must(w.EditWebhook(t.Context(), token, id, "", func(f *WebhookForm) { f.Name = "Renamed" }))
	other, _, err := w.AddWebhook(t.Context(), token, w.hook())
	w.must(err)
	w.must(w.EditWebhook(t.Context(), token, other, "", func(f *WebhookForm) { f.URL += "/elsewhere" }))
	if err := w.EditWebhook(t.Context(), token, other, "", func(f *WebhookForm) { f.Persons = true }); !errors.Is(err, ErrNoScope) {
		t.Errorf("names are sent from now on: %v", err)
	}
}

func TestAURLIsKeptAsItIsSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.hook()
	f.URL = "HTTPS://example.com:65535/tür\"?q=1"
	_, _, err := w.AddWebhook(t.Context(), as(Owner), f)
	w.must(err)
	all, err := w.Webhooks(t.Context(), as(Owner))
	w.must(err)
	if want := "https://example.com:65535/t%C3%BCr%22?q=1"; all[0].URL != want {
		t.Errorf("%s, not %s", all[0].URL, want)
	}
}
