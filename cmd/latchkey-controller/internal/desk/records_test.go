package desk

import (
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestARecordSaysAllThatItHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reader, user := w.reader(), w.user()
	from, to := time.Date(2036, 1, 1, 12, 0, 0, 0, time.UTC), time.Date(2026, 1, 1, 12, 0, 5, 0, time.UTC)
	texts := map[wire.RecordKind]string{
		wire.AccessGranted:  "User 2, pin",
		wire.LockoutStarted: "attempts, 3 wrong in a row, reset by User 2, user 99 (removed)",
		wire.ClockStepped:   "from 2036-01-01 13:00:00 to 2026-01-01 13:00:05",
		wire.ReaderStarted:  "version 1.2",
	}
	w.records(reader,
		&wire.Record{Kind: wire.AccessGranted, User: user, By: "pin"},
		&wire.Record{Kind: wire.LockoutStarted, Cause: wire.CauseAttempts, Wrong: 3, Users: []uint64{user, 99}},
		&wire.Record{Kind: wire.ClockStepped, Time: to.UnixMilli(), From: from.UnixMilli(), To: to.UnixMilli()},
		&wire.Record{Kind: wire.ReaderStarted, Version: "1.2"},
	)
	zurich, err := time.LoadLocation("Europe/Zurich")
	w.must(err)
	records, _, err := w.Records(t.Context(), as(Viewer), store.Filter{}, 0, zurich)
	w.must(err)
	if len(records) != len(texts) {
		t.Fatalf("%d records", len(records))
	}
	for _, r := range records {
		if r.Decoded == nil || r.Text != texts[r.Decoded.Kind] {
			t.Errorf("%s says %q, not %q", r.Kind, r.Text, texts[r.Kind])
		}
	}
}
