package console

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// brokerTour looks at pages about brokers.
func brokerTour(t *testing.T, beside context.Context) {
	w := newWorld(t)
	w.adopt("front-door", "Front door", "Main building")
	w.adopt("gate", "Gate", "Main building")
	const first, second = "ssl://broker-1.main-building.example:8883", "ssl://192.0.2.7:8884"
	now := time.Now()
	w.live.mu.Lock()
	w.live.brokers = []link.BrokerStatus{{URL: first, Up: true, Since: now}, {URL: second, Why: "network Error : dial tcp 192.0.2.7:8884: connect: connection refused", Since: now}}
	for i := range w.live.states {
		w.live.states[i].Broker = first
	}
	w.live.mu.Unlock()
	set := func(form desk.BrokersForm) {
		_, err := w.desk.SetBrokers(t.Context(), owner, form)
		w.must(err)
	}
	set(desk.BrokersForm{Brokers: first + " " + second})
	ctx, complaints := chromium(t, beside, w, desk.Owner)
	tour(t, ctx, w, []stop{{"brokers-doors", "/", ""}, {"brokers-settings", "/settings#brokers", ""}, {"brokers-reader", "/readers/gate", ""}})
	set(desk.BrokersForm{Reader: "gate", Brokers: "ssl://nosuch.example", Anyway: true})
	tour(t, ctx, w, []stop{{"brokers-differ", "/settings#brokers", ""}})
	do(t, ctx, chromedp.SetValue(chromedp.CSS("#f-brokers"), "ssl://broker-3.example"), chromedp.Click(chromedp.CSS(`form[action="/settings/brokers"] .primary`)), chromedp.WaitVisible(chromedp.CSS("#w-anyway")))
	lookAt(t, ctx, "brokers-not-connected")
	w.must(w.site.AddAlarm(t.Context(), &store.Alarm{Kind: store.LogForeign, At: now.UnixMilli(), Text: "the database was restored to an older state: it is behind what this controller has seen in it; check the users and readers that were changed since then"}))
	w.live.mu.Lock()
	w.live.brokers[0] = link.BrokerStatus{URL: first, Why: "x509: certificate is not valid for any names, but wanted to match broker-1", Since: now}
	for i := range w.live.states {
		w.live.states[i].Online = false
	}
	w.live.mu.Unlock()
	tour(t, ctx, w, []stop{{"brokers-silent", "/", ""}})
	contented(t, complaints)
}
