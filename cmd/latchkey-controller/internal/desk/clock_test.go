package desk

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// puts are ways to set the wall clock.
var puts = map[string]func(*world){
	"not put":            func(*world) {},
	"years forward":      func(w *world) { w.put = 10 * 365 * day },
	"years back":         func(w *world) { w.put = -10 * 365 * day },
	"a little forward":   func(w *world) { w.put = 10 * time.Minute },
	"back and a restart": func(w *world) { w.put = -10 * 365 * day; w.restart() },
	"forward, a restart": func(w *world) { w.put = 365 * day; w.restart() },
	"forward and back": func(w *world) {
		w.put = 10 * 365 * day
		w.pass(0)
		w.put = 0
	},
}

// restart restarts the machine, in no time.
func (w *world) restart() {
	w.boot += "'"
	w.started = w.time
}

func TestLimitsOfTimeHoldWhicheverWayTheClockIsPut(t *testing.T) {
	t.Parallel()
	limits := map[string]struct {
		limit time.Duration
		// begins starts something, and returns a function that says whether it still lasts.
		begins func(w *world) (still func() bool)
	}{
		"a session that nobody uses": {SessionIdle, func(w *world) func() bool {
			token := w.owner().Token
			return func() bool {
				_, err := w.Session(w.t.Context(), token, false)
				return err == nil
			}
		}},
		"a fresh sign-in": {FreshFor, func(w *world) func() bool {
			token := w.owner().Token
			return func() bool {
				s, err := w.Session(w.t.Context(), token, false)
				return err == nil && s.Actor.FreshSignIn
			}
		}},
		"a session that counts as open": {SessionIdle, func(w *world) func() bool {
			w.owner()
			return func() bool {
				admins, err := w.Admins(w.t.Context(), as(Owner))
				w.must(err)
				return admins[0].Sessions == 1
			}
		}},
		"a one-time link": {OneTimeLinkEnds, func(w *world) func() bool {
			token, err := w.FirstOwnerLink(w.t.Context())
			w.must(err)
			return func() bool {
				_, err := w.OneTimeLink(w.t.Context(), token)
				return err == nil
			}
		}},
		"a wait after wrong passwords": {5 * time.Minute, func(w *world) func() bool {
			by := forAccount("Ada")
			for range 20 {
				for wait := w.charge(by); wait > 0; wait = w.charge(by) {
					w.time = w.time.Add(wait)
				}
			}
			return func() bool {
				var waits time.Duration
				w.must(w.site.View(w.t.Context(), func(tx *store.Tx) error {
					row, err := tx.Throttle(by.what)
					w.must(err)
					now, err := w.steady(tx)
					waits = row.Until.Sub(now)
					return err
				}))
				return waits > 0
			}
		}},
		"a browser that is known": {BrowserEnds, func(w *world) func() bool {
			browser := w.owner().Browser
			return func() bool {
				_, known, err := w.throttles(w.t.Context(), "Ada Lovelace", Client{Browser: browser})
				w.must(err)
				return known
			}
		}},
	}
	for what, l := range limits {
		for how, put := range puts {
			t.Run(what+", "+how, func(t *testing.T) {
				w := newWorld(t)
				still := l.begins(w)
				if !still() {
					t.Fatal("it does not begin")
				}
				w.pass(0)
				put(w)
				if !still() {
					t.Fatal("it ends at once")
				}
				w.pass(l.limit - time.Second)
				if !still() {
					t.Fatal("it ends too early")
				}
				w.pass(2 * time.Second)
				if still() {
					t.Fatal("it does not end")
				}
			})
		}
	}
}

func TestTheLimitOfClashesIsOfTheLastDayWhicheverWayTheClockIsPut(t *testing.T) {
	t.Parallel()
	for how, put := range puts {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t)
			ada, eve := w.user(), w.user()
			hers, another := w.uid(), w.uid() // they count like PINs, but need no Argon2id
			w.must(w.AddCard(t.Context(), as(Super), ada, hers))
			for range maxClashesPerAdmin {
				if err := w.AddCard(t.Context(), as(Editor), eve, hers); err == nil {
					t.Fatal("two have one card")
				}
			}
			put(w)
			w.pass(day - time.Minute)
			if err := w.AddCard(t.Context(), as(Editor), eve, another); Fields(err)["card"] == nil {
				t.Errorf("sooner: %v", err)
			}
			w.pass(2 * time.Hour)
			w.must(w.AddCard(t.Context(), as(Editor), eve, another))
		})
	}
}

// left returns the activity that was not deleted, without alarms about the clock.
func (w *world) left() (left []string) {
	for _, told := range w.told(Query{Limit: 1000}) {
		if !strings.Contains(told, "clock") {
			left = append(left, told)
		}
	}
	return left
}

func TestNothingIsForgottenForItsAgeWhileTheClockIsInDoubt(t *testing.T) {
	t.Parallel()
	for how, put := range puts {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t)
			door := w.reader()
			w.records(door, &wire.Record{Kind: wire.DoorOpened})
			n := len(w.left())
			put(w)
			w.pass(89 * day)
			w.must(w.Prune(t.Context()))
			if left := w.left(); len(left) != n {
				t.Fatalf("of %d entries are left %q", n, left)
			}
			doubt, err := w.Doubt(t.Context())
			w.must(err)
			if (doubt != nil) != (w.put != 0) {
				t.Errorf("it is put by %v: %q", w.put, doubt)
			}
			w.pass(2 * day)
			w.must(w.Prune(t.Context()))
			if doubt != nil {
				if left := w.left(); len(left) != n {
					t.Fatalf("in doubt, of %d entries are left %q", n, left)
				}
				if told := w.told(Query{Kind: "alarm"}); len(told) != 1 || !strings.Contains(told[0], "clock") {
					t.Errorf("alarms: %q", told)
				}
				w.must(w.ConfirmClock(t.Context(), as(Owner)))
				if e := w.newest(); !strings.Contains(e.Text.String(), "confirmed the clock of home: this machine") {
					t.Errorf("%q", e.Text)
				}
				if doubt, err := w.Doubt(t.Context()); doubt != nil || err != nil {
					t.Errorf("confirmed: %q, %v", doubt, err)
				}
				w.pass(0)
				w.must(w.Prune(t.Context()))
			}
			if left := w.left(); len(left) != 0 {
				t.Errorf("after 91 days: %q", left)
			}
		})
	}
}

// An event that arrived while the clock was ahead does not count as younger.
func TestWhatCameWhileTheClockWasAheadAgesAsTheRestDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.reader()
	w.pass(0)
	w.put = 10 * 365 * day
	w.records(door, &wire.Record{Kind: wire.DoorOpened})
	w.pass(time.Hour)
	w.put = 0
	w.pass(92 * day)
	w.must(w.Prune(t.Context()))
	if left := w.told(Query{Limit: 1000}); len(left) != 0 {
		t.Errorf("%q", left)
	}
}

func TestTheControllerSaysInItsLogThatItsClockIsInDoubtAndWhenItIsNot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pass(0)
	var log bytes.Buffer
	w.log = slog.New(slog.NewTextHandler(&log, nil))
	round := func() {
		t.Helper()
		if err := w.maintain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	round()
	if log.Len() != 0 {
		t.Fatalf("without reason: %s", &log)
	}
	w.put = -day
	round()
	round()
	if n := strings.Count(log.String(), "was put back by 24 hours"); n != 1 || !strings.Contains(log.String(), "clock confirm") {
		t.Errorf("said %d times: %s", n, &log)
	}
	log.Reset()
	w.put = 0
	round()
	round()
	if n := strings.Count(log.String(), "no longer in doubt"); n != 1 {
		t.Errorf("said %d times: %s", n, &log)
	}
}

func TestWhoIsNoOwnerConfirmsNoClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pass(0)
	w.put = day
	if err := w.ConfirmClock(t.Context(), as(Super)); !errors.Is(err, ErrNotAllowed) {
		t.Fatal(err)
	}
	if doubt, err := w.Doubt(t.Context()); doubt == nil || err != nil {
		t.Errorf("%q, %v", doubt, err)
	}
}

// If no controller runs, only acts advance the site's time.
func TestTheLimitOfClashesEndsAtTheCommandLineAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada, eve := w.user(), w.user()
	w.must(w.guess(as(Super), ada, "61937254"))
	for range maxClashesPerAdmin {
		if err := w.guess(as(Editor), eve, "61937254"); err == nil {
			t.Fatal("two have one PIN")
		}
	}
	w.time = w.time.Add(2 * time.Hour)
	if err := w.guess(as(Editor), eve, "84520617"); Fields(err)["pin"] == nil {
		t.Errorf("too early: %v", err)
	}
	w.time = w.time.Add(25 * time.Hour)
	w.must(w.guess(as(Editor), eve, "84520617"))
}
