package console

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/site/sitetest"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// inPostgreSQL is a world whose database is in PostgreSQL, and whose controller does not run yet.
func inPostgreSQL(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, live: &readers{}, logged: &strings.Builder{}, dir: filepath.Join(t.TempDir(), "site")}
	s, err := site.Create(t.Context(), w.dir, postgrestest.Database(t), "home", "UTC", clock.Read())
	w.must(err)
	w.must(s.Close())
	return w.serve()
}

// run has the controller of the world lead, or stand by, until the test ends. ready has an element when it
// stands by, leads when it leads.
func (w *world) run() (ready, leads chan bool) {
	ctx, stop := context.WithCancel(context.Background())
	ready, leads, ended := make(chan bool, 9), make(chan bool, 1), make(chan bool)
	go func() {
		defer close(ended)
		if lead, err := w.site.Lead(ctx, store.HomeCell, func(*store.ServedError) error { ready <- true; return nil }); err == nil {
			leads <- true
			<-ctx.Done()
			lead.Close()
		}
	}()
	w.t.Cleanup(func() { stop(); come(w.t, ended, "the end of a lead") })
	return ready, leads
}

// led has another controller lead the site that the world stands by for.
func (w *world) led() {
	w.t.Helper()
	s, err := site.Open(w.t.Context(), w.dir)
	w.must(err)
	w.t.Cleanup(func() { s.Close() })
	other, err := s.Lead(w.t.Context(), store.HomeCell, nil)
	w.must(err)
	w.t.Cleanup(other.Close)
	ready, _ := w.run()
	come(w.t, ready, "that it stands by")
}

// unled has nobody lead the site, until led is called.
func (w *world) unled() (led func()) {
	w.t.Helper()
	release := sitetest.Unled(w.t, w.dir)
	_, leads := w.run()
	for end := time.Now().Add(time.Minute / 2); ; {
		s, err := w.desk.Standing(w.t.Context())
		w.must(err)
		if s.Nobody {
			break
		}
		if time.Now().After(end) {
			w.t.Fatal("somebody leads")
		}
	}
	w.live.mu.Lock()
	defer w.live.mu.Unlock()
	w.live.silent = &store.UnavailableError{Reason: language.Data("no controller leads this site now, so readers cannot be reached; nothing was done")}
	return func() {
		release()
		come(w.t, leads, "the lead")
		w.live.mu.Lock()
		defer w.live.mu.Unlock()
		w.live.silent = nil
	}
}

func TestTheOnlyControllerIsShown(t *testing.T) {
	postgrestest.SQLiteOnly(t)
	w := small(t)
	b := w.visitor(desk.Owner)
	b.get("/settings").shows(t, http.StatusOK, `<h2 id="controllers">`, ">this one<", "No other one stands by")
	b.get("/").shows(t, http.StatusOK, `id="standing" hidden`)
}

func TestAStandBySaysForWhom(t *testing.T) {
	t.Parallel()
	w := inPostgreSQL(t)
	w.adopt("front-door", "Front door", "Main building")
	w.live.brokers = []link.BrokerStatus{{URL: "ssl://a.example:8883", Up: true}}
	w.led()
	b := w.visitor(desk.Owner)
	b.get("/").shows(t, http.StatusOK, "This controller stands by: the controller on ", "leads this site.")
	got := b.get("/settings")
	got.shows(t, http.StatusOK, "Leads since", "Stands by since", ">this one<", "one of them takes over", "These are the connections of the controller on ")
	if strings.Count(got.body, ">this one<") != 1 || strings.Index(got.body, "Leads since") > strings.Index(got.body, "Stands by since") {
		t.Error("who leads comes first, and this one once")
	}
	w.visitor(desk.Viewer).get("/").shows(t, http.StatusOK, "This controller stands by: another one leads this site.")
	part := b.part("glance")
	part.get("/").shows(t, http.StatusOK, `id="standing" hx-swap-oob="true">This controller stands by`)
}

func TestWhileNobodyLeadsPagesAreShown(t *testing.T) {
	t.Parallel()
	w := inPostgreSQL(t)
	w.adopt("front-door", "Front door", "Main building")
	w.user("Ada", "Lovelace", true, "04A1B2C3D4E580", "staff")
	w.live.brokers = []link.BrokerStatus{{URL: "ssl://a.example:8883", Up: true}}
	led := w.unled()
	b := w.visitor(desk.Owner)
	listening := w.console.updates.join(1, w.console.updates.current())
	b.get("/").shows(t, http.StatusOK, "No controller leads this site now: readers cannot be reached", "– of 1", "Not known now", `id="lead"`)
	b.get("/settings").shows(t, http.StatusOK, "No controller leads this site now: readers", "Stands by since")
	for _, e := range everywhere {
		if got := b.get(e.path); got.status >= http.StatusInternalServerError {
			t.Errorf("%s: %d", e.path, got.status)
		}
	}
	b.post("/readers/front-door/order", "order", "unlock").shows(t, http.StatusServiceUnavailable, "Try again in a moment", "No controller leads this site now", "keep what happens meanwhile")
	if strings.Contains(b.get("/settings").body, "These are the connections") {
		t.Error("nobody leads, and has connections")
	}
	led()
	for told := map[string]bool{}; !told[topicReaders] || !told[topicLead]; {
		come(t, listening.wake, "news")
		news, _ := w.console.updates.take(listening)
		for _, topic := range news {
			told[topic] = true
		}
	}
	got := b.get("/")
	if strings.Contains(got.body, `id="lead"`) || !strings.Contains(got.body, `id="standing" hidden`) {
		t.Error("it leads, and says otherwise")
	}
}

func TestAnUpgradeThatIsNotFinishedSaysWhatIsLeft(t *testing.T) {
	t.Parallel()
	attic, barn, cellar := desk.ControllerStatus{Machine: "attic", Schema: 30}, desk.ControllerStatus{Machine: "barn", Schema: 31}, desk.ControllerStatus{Machine: "cellar", Address: "192.0.2.7", Schema: 30}
	for want, all := range map[string][]desk.ControllerStatus{
		"": {attic, attic, {Machine: "of a version that is not known"}},
		"The controllers are of several versions: upgrade those on attic and cellar (192.0.2.7), too.": {attic, barn, cellar},
	} {
		if got := upgradeNote(all).String(); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
	if got := upgradeNote(nil); got != nil {
		t.Error(got)
	}
}

// controllersTour looks at a stand-by, and at a site that nobody leads.
func controllersTour(t *testing.T, beside context.Context) {
	const showControllers = `document.querySelector("#controllers").scrollIntoView(); window.settled = true`
	w := inPostgreSQL(t)
	w.adopt("front-door", "Front door", "Main building")
	w.live.brokers = []link.BrokerStatus{{URL: "ssl://a.example:8883", Up: true}}
	w.led()
	ctx, complaints := chromium(t, beside, w, desk.Owner)
	tour(t, ctx, w, []stop{{"controllers-standby", "/", ""}, {"controllers-settings", "/settings", showControllers}})
	contented(t, complaints)
	w = inPostgreSQL(t)
	w.adopt("front-door", "Front door", "Main building")
	led := w.unled()
	ctx, complaints = chromium(t, beside, w, desk.Owner)
	tour(t, ctx, w, []stop{{"controllers-unled", "/", ""}, {"controllers-unled-settings", "/settings", showControllers}, {"controllers-unled-reader", "/readers/front-door", ""}})
	contented(t, complaints)
	led()
}
