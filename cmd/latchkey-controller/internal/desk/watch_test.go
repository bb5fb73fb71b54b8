package desk

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site/sitetest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestWhatIsOlderThanTheSiteKeepsIsForgottenInAllItsTables(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.reader()
	w.records(door, &wire.Record{Kind: wire.AccessGranted, By: "card", User: 1})
	w.must(w.site.AddAlarm(t.Context(), &store.Alarm{Kind: store.LogForeign, At: w.time.UnixMilli(), Text: "old"}))
	w.pass(60 * day)
	// The reader's clock was never set; the record arrived today.
	w.records(door, &wire.Record{Kind: wire.DoorOpened, Time: 1000})
	w.user()
	count := func() (n int) {
		t.Helper()
		for _, kind := range append(Kinds(), Kind{Key: "policy.applied"}) {
			n += len(w.told(Query{Kind: kind.Key, Limit: 1000}))
		}
		return n
	}
	before := count()
	w.must(w.Prune(t.Context()))
	if count() != before {
		t.Error("forgotten too early")
	}
	w.pass(31 * day)
	w.must(w.Prune(t.Context()))
	if got := w.told(Query{}); len(got) != 2 || !strings.Contains(got[0], "was opened") {
		t.Errorf("%d of %d are left: %q", len(got), before, got)
	}
	records, alarms, err := w.Records(t.Context(), as(Viewer), store.Filter{}, 0, time.UTC)
	if err != nil || len(records) != 1 || len(alarms) != 0 {
		t.Errorf("%d records, %d alarms, %v", len(records), len(alarms), err)
	}
	w.must(w.SetKeepDays(t.Context(), as(Owner), 1))
	w.pass(2 * day)
	w.must(w.Prune(t.Context()))
	if got := w.told(Query{}); len(got) != 2 || !strings.Contains(strings.Join(got, ""), "added User") { // acts are kept longer
		t.Errorf("%q", got)
	}
}

func TestHoursCountADoorsEntries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	front, back := w.reader(), w.reader()
	w.must(w.MoveReader(t.Context(), as(Owner), back, "", w.look(front).DoorID)) // one door with two readers
	minutes := func(m int) int64 { return w.time.Add(time.Duration(m) * time.Minute).UnixMilli() }
	w.records(front,
		&wire.Record{Kind: wire.AccessGranted, User: 1, Time: minutes(-24 * 60)}, // too old
		&wire.Record{Kind: wire.AccessGranted, User: 1, Time: minutes(-91)},
		&wire.Record{Kind: wire.AttemptUnknown, Time: minutes(-150)},
		&wire.Record{Kind: wire.AccessGranted, User: 1, Time: minutes(-31)},
		&wire.Record{Kind: wire.AccessGranted, User: 1, Time: minutes(0)},
		&wire.Record{Kind: wire.DoorOpened, Time: minutes(0)},
	)
	w.records(back, &wire.Record{Kind: wire.AccessGranted, User: 1, Time: minutes(10)})
	hours, err := w.Hours(t.Context(), as(Viewer), w.look(front).DoorID, 24)
	w.must(err)
	if len(hours) != 24 || !hours[23].Begins.Equal(w.time.Truncate(time.Hour)) {
		t.Fatalf("%d hours, %+v", len(hours), hours[23])
	}
	for i, h := range hours {
		want := map[int][2]int{22: {1, 0}, 21: {1, 1}, 23: {2, 0}}[i]
		if h.Granted != want[0] || h.Denied != want[1] {
			t.Errorf("hour %d: %+v, not %v", i, h, want)
		}
	}
}

func TestWhoWatchesHearsOfEachChangeOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	changes := make(chan Change)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Watch(ctx, func(c Change) {
			select {
			case changes <- c:
			case <-ctx.Done():
			}
		})
	}()
	if c := come(t, changes, "the beginning"); c.Activity != 0 {
		t.Errorf("%+v", c)
	}
	id := w.user()
	if c := come(t, changes, "a change"); c != (Change{Activity: 1, Acts: true}) {
		t.Errorf("%+v", c)
	}
	w.must(w.site.SetStates(t.Context(), nil))
	w.must(w.RemoveUser(t.Context(), as(Owner), id))
	if c := come(t, changes, "a change"); c != (Change{Activity: 2, Acts: true}) {
		t.Errorf("%+v", c)
	}
	stop()
	come(t, done, "the end of the watch")
}

func TestWhoWatchesOutlastsAFailureOfTheDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	logged := make(writes, 100)
	w.log = slog.New(slog.NewTextHandler(logged, nil))
	ctx, stop := context.WithCancel(t.Context())
	changes, done := make(chan Change, 100), make(chan struct{})
	go func() {
		defer close(done)
		w.Watch(ctx, func(c Change) { changes <- c })
	}()
	come(t, changes, "the beginning")
	db := sitetest.Database(t, w.dir)
	rename := func(from, to string) {
		t.Helper()
		_, err := db.ExecContext(ctx, "ALTER TABLE "+from+" RENAME TO "+to)
		w.must(err)
		w.must(w.site.Update(ctx, func(*store.Tx) error { return nil })) // PostgreSQL tells of a site's own commits only
	}
	rename("states", "gone")
	if line := come(t, logged, "what is logged"); !strings.Contains(line, "cannot watch what changes") {
		t.Error(line)
	}
	rename("gone", "states")
	w.user()
	for come(t, changes, "the user").Activity != 1 {
	}
	stop()
	come(t, done, "the end of the watch")
	if len(logged) > 0 {
		t.Errorf("it was logged again: %s", <-logged)
	}
}

// writes are what is written, line by line.
type writes chan string

func (w writes) Write(b []byte) (int, error) {
	w <- string(b)
	return len(b), nil
}

func TestWhoWatchesHearsOfStatesThoughTheClockWasPutBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.reader(), w.reader()
	latest := func(reader string, at time.Time) (number int64) {
		t.Helper()
		w.must(w.site.SetStates(t.Context(), []*store.State{{Reader: reader, Received: at.UnixMilli()}}))
		w.must(w.site.View(t.Context(), func(tx *store.Tx) (err error) {
			_, number, err = tx.Newest()
			return err
		}))
		return number
	}
	seen := map[int64]bool{latest(first, w.time): true}
	for i := range 3 {
		n := latest(second, w.time.Add(time.Duration(i)*time.Second-time.Hour))
		if seen[n] {
			t.Fatalf("what reader %s said %d s after it began makes no difference", second, i)
		}
		seen[n] = true
	}
}
