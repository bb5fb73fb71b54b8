package desk

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/site/sitetest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// inPostgreSQL is a world whose database is in PostgreSQL.
func inPostgreSQL(t *testing.T) *world {
	t.Helper()
	return beginning().inPostgreSQL(t)
}

// nowInPostgreSQL is inPostgreSQL with the time of the database's server.
func nowInPostgreSQL(t *testing.T) *world {
	t.Helper()
	w := beginning()
	w.time = time.Now().Round(time.Millisecond)
	w.started = w.time
	return w.inPostgreSQL(t)
}

func (w *world) inPostgreSQL(t *testing.T) *world {
	t.Helper()
	w.t, w.dir = t, filepath.Join(t.TempDir(), "site")
	made, err := site.Create(t.Context(), w.dir, postgrestest.Database(t), "home", "UTC", w.clock())
	w.must(err)
	w.must(made.Close())
	s := w.open()
	t.Cleanup(func() { s.Close() })
	return w
}

// another opens the same site as another controller.
func (w *world) another() *site.Site {
	w.t.Helper()
	s, err := site.Open(w.t.Context(), w.dir)
	w.must(err)
	w.t.Cleanup(func() { s.Close() })
	return s
}

// compete has the controller of the world lead when it can, until the test ends; leads has the lead then, and ready
// an element when it stands by.
func (w *world) compete() (leads chan *store.Lead, ready chan bool) {
	ctx, stop := context.WithCancel(context.Background())
	leads, ready, ended := make(chan *store.Lead, 1), make(chan bool, 9), make(chan bool)
	go func() {
		defer close(ended)
		if lead, err := w.site.Lead(ctx, store.HomeCell, func(*store.ServedError) error { ready <- true; return nil }); err == nil {
			leads <- lead
			<-ctx.Done()
			lead.Close()
		}
	}()
	w.t.Cleanup(func() { stop(); come(w.t, ended, "the end of a lead") })
	return leads, ready
}

// comesTo waits until a condition holds.
func (w *world) comesTo(is func() bool) {
	w.t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatal("it never comes to that")
		}
	}
}

func TestAStandByKnowsWhoLeads(t *testing.T) {
	t.Parallel()
	w := inPostgreSQL(t)
	other := w.another()
	command := New(Options{Site: w.another()})
	if got := command.ServedElsewhere(t.Context()); got != (Elsewhere{}) || got.Readers() != "no controller runs: readers get it when one does" {
		t.Errorf("none runs: %+v", got)
	}
	lead, err := other.Lead(t.Context(), store.HomeCell, nil)
	w.must(err)
	leads, ready := w.compete()
	come(t, ready, "that it stands by")
	s, err := w.Standing(t.Context())
	w.must(err)
	if w.Leads() || s.Leads || s.Nobody || s.Term != 0 || s.StandBys != 1 || s.Leader == nil || s.Leader.This || !strings.HasPrefix(s.Leader.Where(), "the controller on ") {
		t.Errorf("%+v", s)
	}
	all, err := w.Controllers(t.Context(), as(Owner))
	w.must(err)
	if len(all) != 2 || !all[0].Leads || all[0].This || all[0].Term != lead.Term() || all[1].Leads || !all[1].This || all[1].Since.IsZero() {
		t.Errorf("%+v", all)
	}
	if got := command.ServedElsewhere(t.Context()); got.Readers() != s.Leader.Where()+" leads this site: readers get it from there" || got.There() != "run this there" {
		t.Errorf("a command elsewhere: %+v", got)
	}
	w.live.brokers = []link.BrokerStatus{{URL: "ssl://127.0.0.1:8883", Up: true}}
	of := new(Brokers)
	if err := w.ofLeaders(t.Context(), of); err != nil || of.Embedded || of.Here[0] != s.Leader.Machine {
		t.Errorf("brokers of the leader are known by %+v, %v", of, err)
	}
	changed := make(chan bool, 9)
	watching, stop := context.WithCancel(t.Context())
	defer stop()
	go w.WatchLead(watching, func() { changed <- true })
	time.Sleep(3 * time.Second) // it has looked once, also on a busy machine
	lead.Close()
	mine := come(t, leads, "the lead")
	come(t, changed, "the change of the lead")
	if s, err = w.Standing(t.Context()); err != nil || !s.Leads || s.Term != mine.Term() || s.Leader != nil || s.Nobody || s.StandBys != 0 {
		t.Errorf("it leads: %+v, %v", s, err)
	}
}

func TestALeadThatGoesToAnotherControllerOnTheSameMachineIsAChange(t *testing.T) {
	t.Parallel()
	w := inPostgreSQL(t)
	lead, err := w.another().Lead(t.Context(), store.HomeCell, nil)
	w.must(err)
	before, err := w.leaders(t.Context())
	w.must(err)
	lead.Close()
	lead, err = w.another().Lead(t.Context(), store.HomeCell, nil)
	w.must(err)
	defer lead.Close()
	if after, err := w.leaders(t.Context()); err != nil || after == before || before == "" || after == "" {
		t.Errorf("%q after %q", after, before)
	}
}

func TestWhileNobodyLeadsWhatIsStoredIsShown(t *testing.T) {
	t.Parallel()
	w := inPostgreSQL(t)
	id := w.reader()
	w.live.states = []link.ReaderStatus{{ID: id, Heard: time.Now(), Online: true}}
	led := sitetest.Unled(t, w.dir)
	leads, _ := w.compete()
	standing := func() *Standing {
		s, err := w.Standing(t.Context())
		w.must(err)
		return s
	}
	w.comesTo(func() bool { return standing().Nobody })
	w.live.silent = &store.UnavailableError{Reason: language.Data("no controller leads this site now")}
	r, err := w.Reader(t.Context(), as(Owner), id)
	w.must(err)
	if r.Live.Known || r.Live.Online || !r.Live.Unled {
		t.Errorf("%+v", r.Live)
	}
	if down, all, err := w.BrokersDown(t.Context()); err != nil || all || len(down) > 0 {
		t.Errorf("%v, %v", down, err)
	}
	b, err := w.Brokers(t.Context(), as(Owner))
	w.must(err)
	if len(b.Connected) > 0 || len(b.Readers) != 1 {
		t.Errorf("%+v", b)
	}
	if _, err := w.SetBrokers(t.Context(), as(Owner), BrokersForm{Brokers: "ssl://a.example"}); !errors.Is(err, w.live.silent) {
		t.Errorf("brokers are set that nobody may hear at: %v", err)
	}
	_, err = w.SetMode(t.Context(), as(Owner), Where{}, wire.ModeLockdown, 0)
	w.must(err)
	modes, err := w.WantedModes(t.Context(), as(Owner))
	w.must(err)
	if len(modes) != 1 || !strings.Contains(modes[0].Text.String(), "no controller leads the site now: readers get it when one does") {
		t.Errorf("%+v", modes)
	}
	if _, err := w.Measure(t.Context(), as(Owner), 0); err != nil {
		t.Error(err)
	}
	command := New(Options{Site: w.another()})
	got := command.ServedElsewhere(t.Context())
	if !strings.HasPrefix(got.Readers(), "no controller leads this site now, and the controller on ") || !strings.HasSuffix(got.Readers(), " stands by: readers get it when one does") || got.There() != "run this there once one leads" {
		t.Errorf("a command elsewhere: %q, %q", got.Readers(), got.There())
	}
	modes, err = command.WantedModes(t.Context(), as(Owner))
	w.must(err)
	if len(modes) != 1 || !strings.Contains(modes[0].Text.String(), "; "+got.Readers()) {
		t.Errorf("%+v", modes)
	}
	led()
	come(t, leads, "the lead")
	if _, err := w.Reader(t.Context(), as(Owner), id); !errors.Is(err, w.live.silent) {
		t.Errorf("an error of who leads is kept: %v", err)
	}
}

func TestALeadThatWasTakenOverIsAnAlarmOfTheSite(t *testing.T) {
	t.Parallel()
	w := inPostgreSQL(t)
	settings, err := w.Mail(t.Context(), as(Owner))
	w.must(err)
	settings.Host, settings.Port, settings.Security, settings.Sender, settings.Recipients = "127.0.0.1", 25, MailPlain, "latchkey@home.example", []string{"ada@home.example"}
	w.must(w.SetMail(t.Context(), as(Owner), 0, settings, nil))
	sitetest.Unled(t, w.dir)()
	lead, err := w.site.Lead(t.Context(), store.HomeCell, nil)
	w.must(err)
	w.must(w.site.TellTakenOver(t.Context(), w.time, store.HomeCell, lead))
	lead.Close()
	if lead, err = w.site.Lead(t.Context(), store.HomeCell, nil); err != nil { // that was given back
		t.Fatal(err)
	}
	defer lead.Close()
	w.must(w.site.TellTakenOver(t.Context(), w.time, store.HomeCell, lead))
	page, err := w.Activity(t.Context(), as(Owner), Query{Kind: "alarm"})
	w.must(err)
	if len(page.Events) != 1 || page.Events[0].Reader != "" || !strings.HasPrefix(page.Events[0].Text.String(), "the controller on gone has stopped leading the site without handing over, and the one on ") {
		t.Errorf("%+v", page.Events)
	}
	due, err := w.NoticesDue(t.Context(), 0)
	w.must(err)
	if len(due.Lines) != 1 || due.Lines[0].Text != "A controller has failed, and another one leads the site in its place" {
		t.Errorf("by mail: %+v", due.Lines)
	}
}

func TestALeadThatWasTakenOverOnOneMachineIsAnAlarmThatTellsTheTwoApart(t *testing.T) {
	t.Parallel()
	w := inPostgreSQL(t)
	host, err := os.Hostname()
	w.must(err)
	db := sitetest.Database(t, w.dir)
	beat := func() {
		_, err := db.Exec(`UPDATE lead SET beat = beat + 1, holder = $1`, "latchkey-controller on "+host+" 00000000")
		w.must(err)
	}
	beat()
	leads, ready := w.compete()
	for len(ready)+len(leads) == 0 { // it dies when it was seen
		beat()
		time.Sleep(100 * time.Millisecond)
	}
	w.must(w.site.TellTakenOver(t.Context(), w.time, store.HomeCell, come(t, leads, "the lead")))
	page, err := w.Activity(t.Context(), as(Owner), Query{Kind: "alarm"})
	w.must(err)
	want := "a controller on " + host + " has stopped leading the site without handing over, and another one on that machine leads in its place. Doors have worked by themselves meanwhile. Look at its log"
	if len(page.Events) != 1 || page.Events[0].Text.String() != want {
		t.Errorf("%+v", page.Events)
	}
}

func TestAStandByIsToldOfReadersAgain(t *testing.T) {
	t.Parallel()
	w := inPostgreSQL(t)
	id := w.reader()
	lead, err := w.another().Lead(t.Context(), store.HomeCell, nil)
	w.must(err)
	defer lead.Close()
	_, ready := w.compete()
	come(t, ready, "that it stands by")
	ctx, stop := context.WithCancel(t.Context())
	changes, ended := make(chan Change, 9), make(chan bool)
	go func() {
		defer close(ended)
		w.Watch(ctx, func(c Change) {
			select {
			case changes <- c:
			case <-ctx.Done():
			}
		})
	}()
	first := come(t, changes, "the beginning")
	if again := come(t, changes, "the beginning again"); again != (Change{Activity: first.Activity, States: true}) {
		t.Errorf("at the beginning: %+v after %+v", again, first)
	}
	for n := range 2 {
		w.must(w.site.Update(t.Context(), func(tx *store.Tx) error {
			return tx.SetStates(&store.State{Reader: id, Received: w.time.UnixMilli() + int64(n)})
		}))
		if c := come(t, changes, "a change"); !c.States || c.Acts {
			t.Errorf("%+v", c)
		}
	}
	if c := come(t, changes, "a change"); !c.States || c.Acts {
		t.Errorf("%+v", c)
	}
	w.user()
	w.user()
	if c := come(t, changes, "a change"); c.States || !c.Acts {
		t.Errorf("two changes are told of again more than once: %+v", c)
	}
	stop()
	come(t, ended, "the end of the watch")
}
