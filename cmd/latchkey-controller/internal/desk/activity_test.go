package desk

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// told returns the sentences of a page, oldest first.
func (w *world) told(q Query) (sentences []string) {
	w.t.Helper()
	page, err := w.Activity(w.t.Context(), as(Editor), q)
	w.must(err)
	for _, e := range slices.Backward(page.Events) {
		sentences = append(sentences, e.Word.String()+": "+e.Text.String())
	}
	return sentences
}

func TestActivityTellsWhatHappenedInSentences(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.reader()
	ada, _, err := w.AddUser(t.Context(), as(Owner), UserForm{First: "Ada", Last: "Lovelace"}, PIN{}, nil)
	w.must(err)
	after := w.newest().ID
	at := "Door of " + door
	for _, c := range []struct {
		record wire.Record
		want   string // "": not shown as activity
	}{
		{wire.Record{Kind: wire.AttemptStarted, Seq: 1}, ""},
		{wire.Record{Kind: wire.AccessGranted, By: "pin", User: ada, Seconds: 5}, "Entered: Ada Lovelace at " + at + " by PIN"},
		{wire.Record{Kind: wire.AccessGranted, By: "card", User: ada, Seconds: 5}, "Entered: Ada Lovelace at " + at + " by card"},
		{wire.Record{Kind: wire.AccessGranted, By: "remote", Who: "Grace", Seconds: 5}, "Unlocked: Grace unlocked " + at},
		{wire.Record{Kind: wire.AccessGranted, By: "card", User: 99}, "Entered: user 99 (removed) at " + at + " by card"},
		{wire.Record{Kind: wire.AttemptUnknown, Wrong: 4}, "Refused: Unknown PIN at " + at + ", attempt 4 of 10"},
		{wire.Record{Kind: wire.AttemptTakenBack, User: ada, Reason: "schedule"}, "Refused: Ada Lovelace at " + at + " may not open now: their groups may not enter at this time"},
		{wire.Record{Kind: wire.AttemptInterrupted, Wrong: 5}, "Refused: PIN entry at " + at + " was interrupted and counts as wrong, attempt 5 of 10"},
		{wire.Record{Kind: wire.AccessDenied, By: "card", Tag: []byte{1, 2, 3, 4, 5, 6, 7, 8}}, "Refused: Unknown card 0102030405060708 at " + at},
		{wire.Record{Kind: wire.AccessDenied, By: "card", User: ada, Reason: "100% over"}, "Refused: Ada Lovelace at " + at + " by card may not open now: 100% over"},
		{wire.Record{Kind: wire.PINRefused, Reason: "locked out"}, "Refused: A PIN was entered at " + at + " while PIN entry was unavailable: PIN entry is paused"},
		{wire.Record{Kind: wire.LockoutStarted, Cause: wire.CauseAttempts}, "PIN paused: PIN entry at " + at + " is paused: too many wrong PINs in a row"},
		{wire.Record{Kind: wire.LockoutStarted, Cause: wire.CauseGuessing, Users: []uint64{ada, 99}}, "PIN paused: PIN entry at " + at + " is paused: too many guesses (known PINs in between: Ada Lovelace, user 99 (removed))"},
		{wire.Record{Kind: wire.LockoutCleared, By: "remote", Who: "Grace"}, "PIN resumed: PIN entry at " + at + " resumed: unlocked by Grace"},
		{wire.Record{Kind: wire.LockoutCleared, By: "card", User: ada}, "PIN resumed: PIN entry at " + at + " resumed: opened by Ada Lovelace"},
		{wire.Record{Kind: wire.HoldStarted, Seconds: 1800, Who: "Grace"}, "Door: " + at + " is held open for 30 minutes by Grace"},
		{wire.Record{Kind: wire.HoldEnded, Reason: "over"}, "Door: " + at + " is no longer held open: the time has ended"},
		{wire.Record{Kind: wire.HoldEnded, Reason: "restart"}, "Door: " + at + " is no longer held open: the reader restarted"},
		{wire.Record{Kind: wire.CommandRefused, Order: "release", Who: "Grace", Reason: "no hold"}, "Refused: " + at + " refused an order from Grace to release: it was not held open"},
		{wire.Record{Kind: wire.ModeChanged, Mode: wire.ModeLockdown, Subject: "wanted", Who: "Grace"}, "Lockdown: " + at + " is locked down, as Grace wants it"},
		{wire.Record{Kind: wire.ModeChanged, Mode: wire.ModeUnlocked, Subject: "wanted", Who: "Grace", To: 1796040000000}, "Unlocked: " + at + " is unlocked, as Grace wants it, until 30 Nov 2026, 12:00"},
		{wire.Record{Kind: wire.ModeChanged, Mode: wire.ModeUnlocked, Subject: "schedule"}, "Unlocked: " + at + " is unlocked, by its schedule"},
		{wire.Record{Kind: wire.ModeChanged, Mode: wire.ModeLocked, Subject: "wanted", Who: "%s"}, "Locked: " + at + " is kept locked, as %s wants it"},
		{wire.Record{Kind: wire.ModeChanged, Mode: wire.ModeEvacuation, Subject: "fire"}, "Evacuation: " + at + " is open for evacuation: fire"},
		{wire.Record{Kind: wire.ModeChanged, Mode: wire.ModeNormal}, "Normal: " + at + " works as normal"},
		{wire.Record{Kind: wire.ModeChanged, Mode: "%s"}, "Door: " + at + " is in the mode %s"},
		{wire.Record{Kind: wire.FirstPerson, User: ada, To: 1796040000000}, "First person: Ada Lovelace is the first person at " + at + ": the schedule unlocks it until 30 Nov 2026, 12:00"},
		{wire.Record{Kind: wire.FireStarted}, "Fire: Fire at " + at + ": it is open to everybody"},
		{wire.Record{Kind: wire.FireEnded, Mode: wire.ModeLockdown}, "Fire over: The fire input at " + at + " has ended: the door is locked down"},
		{wire.Record{Kind: wire.AccessDenied, By: "card", User: ada, Reason: wire.ReasonLocked}, "Refused: Ada Lovelace at " + at + " by card may not open now: the door is kept locked, and none of their groups is exempt"},
		{wire.Record{Kind: wire.PINRefused, Reason: wire.ReasonLockdown}, "Refused: A PIN was entered at " + at + " while PIN entry was unavailable: the door is locked down"},
		{wire.Record{Kind: wire.ExitPressed, Seconds: 5}, "Exit: Exit button at " + at},
		{wire.Record{Kind: wire.DoorOpened}, "Opened: " + at + " was opened"},
		{wire.Record{Kind: wire.DoorForced}, "Forced: " + at + " was forced open"},
		{wire.Record{Kind: wire.DoorHeld, Seconds: 60}, "Held open: " + at + " has been open for longer than 1 minute"},
		{wire.Record{Kind: wire.TamperStarted}, "Tampered: The reader at " + at + " was opened"},
		{wire.Record{Kind: wire.TamperEnded}, "Housing shut: The reader at " + at + " is closed again"},
		{wire.Record{Kind: wire.CredentialsApplied, Epoch: 1, Revision: 2}, ""},
		{wire.Record{Kind: wire.ReaderStarted, Version: "1.2"}, "Started: " + at + ": started (version 1.2)"},
		{wire.Record{Kind: wire.HealthChanged, Subject: "nfc", Text: "does not answer"}, "Health: " + at + ": the card reader: does not answer"},
		{wire.Record{Kind: wire.HealthChanged, Subject: "nfc", Text: "ok"}, "Health: " + at + ": the card reader works again"},
		{wire.Record{Kind: wire.HoldEnded, Reason: "release", Who: "Grace"}, "Door: " + at + " is no longer held open: released by Grace"},
		{wire.Record{Kind: wire.CommandRefused, Order: wire.Unlock, Who: "Grace", Reason: "stale"}, "Refused: " + at + " refused an order from Grace to unlock: the order came too late"},
		{wire.Record{Kind: wire.CommandDone, Order: wire.Identify, Who: "Grace"}, "Done: " + at + " carried out an order from Grace to identify"},
		{wire.Record{Kind: wire.EventsCollapsed, Subject: "access.denied", Count: 12}, "More: " + at + ": 12 more of the kind access.denied within a minute"},
		{wire.Record{Kind: wire.EventsCollapsed, Subject: "%s%d", Count: 2}, "More: " + at + ": 2 more of the kind %s%d within a minute"},
		{wire.Record{Kind: wire.HealthChanged, Subject: "nfc", Text: "\x1b[2J\u202e"}, "Health: " + at + ": the card reader: \ufffd[2J\ufffd"},
		{wire.Record{Kind: wire.AccessGranted, By: "remote", Who: "\rEve"}, "Unlocked: \ufffdEve unlocked " + at},
		{wire.Record{Kind: wire.AttemptUnknown, Reason: "%s%%s%d%"}, "Refused: Unknown PIN at " + at + ": %s%%s%d%"},
		{wire.Record{Kind: wire.HealthChanged, Subject: "%s", Text: "100%"}, "Health: " + at + ": %s: 100%"},
		{wire.Record{Kind: wire.LockoutStarted, Cause: "%s\r"}, "PIN paused: PIN entry at " + at + " is paused: %s\ufffd"},
		{wire.Record{Kind: wire.AccessGranted, By: "%s", Who: "%s"}, "Entered: %s unlocked " + at},
		{wire.Record{Kind: "of.tomorrow"}, "Reader: " + at + ": of.tomorrow"},
	} {
		record := c.record
		w.records(door, &record)
		var want []string
		if c.want != "" {
			want = []string{c.want}
		}
		if got := w.told(Query{After: after}); !slices.Equal(got, want) {
			t.Errorf("%q\nnot %q", got, want)
		}
		page, err := w.Activity(t.Context(), as(Viewer), Query{Kind: string(record.Kind), Limit: 1})
		w.must(err)
		if len(page.Events) != 1 {
			t.Fatalf("%s is not to be had by its kind", record.Kind)
		}
		after = page.Events[0].ID
	}
}

func TestWhatIsCalledLikeAPlaceholderStaysWhatItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.user()
	w.must(w.EditUser(t.Context(), as(Editor), id, "", time.UTC, func(f *UserForm) { *f = UserForm{First: "%s", Last: "100%"} }))
	w.must(w.RemoveUser(t.Context(), as(Editor), id))
	editor := as(Editor).Name
	want := []string{"Changed: " + editor + " changed User 1: name from User 1 to %s 100%", "Removed: " + editor + " removed %s 100%"}
	if got := w.told(Query{Kind: "admin"})[1:]; !slices.Equal(got, want) {
		t.Errorf("%q\nnot %q", got, want)
	}
}

func TestEachKindOfRecordHasASentence(t *testing.T) {
	t.Parallel()
	cddl, err := os.ReadFile("../../../../sync/wire/latchkey.cddl")
	if err != nil {
		t.Fatal(err)
	}
	_, kinds, _ := strings.Cut(string(cddl), "\nrecord-kind = ")
	kinds, _, _ = strings.Cut(kinds, "tstr")
	w := newWorld(t)
	all := regexp.MustCompile(`[a-z]+\.[a-z-]+|checkpoint`).FindAllString(kinds, -1)
	if len(all) < 30 {
		t.Fatalf("%q", all)
	}
	w.must(w.site.View(t.Context(), func(tx *store.Tx) error {
		for _, kind := range all {
			text, err := (&describer{tx}).sentence(&Event{Door: "Door"}, &wire.Record{Kind: wire.RecordKind(kind)}, 0)
			if err != nil || text.String() == "Door: "+kind {
				t.Errorf("%s: %q, %v", kind, text, err)
			}
		}
		return nil
	}))
}

func TestActivityIsFilteredByDoorPersonKindAndTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	front, back := w.reader(), w.reader()
	ada, bob := w.user(), w.user()
	hour := func(h int) int64 { return w.time.Add(time.Duration(h) * time.Hour).UnixMilli() }
	first := w.newest().ID
	w.records(front,
		&wire.Record{Kind: wire.AccessGranted, By: "pin", User: ada, Time: hour(-3)},
		&wire.Record{Kind: wire.AccessGranted, By: "card", User: bob, Time: hour(-2)},
		&wire.Record{Kind: wire.AttemptUnknown, Wrong: 1, Time: hour(-1)},
		&wire.Record{Kind: wire.LockoutStarted, Cause: wire.CauseAttempts, Time: hour(0)},
	)
	w.records(back, &wire.Record{Kind: wire.AccessGranted, By: "pin", User: ada, Time: hour(-1)})
	w.must(w.site.AddAlarm(t.Context(), &store.Alarm{Reader: front, Kind: store.JournalGap, At: hour(0), Text: "records are missing"}))
	w.must(w.SwitchPIN(t.Context(), as(Editor), front, false))
	for name, c := range map[string]struct {
		q    Query
		want int
	}{
		"all":                {Query{}, 7},
		"front door":         {Query{Door: w.look(front).DoorID}, 6},
		"back door":          {Query{Door: w.look(back).DoorID}, 1},
		"a door without any": {Query{Door: 999}, 0},
		"reader":             {Query{Reader: back}, 1},
		"door and reader":    {Query{Reader: back, Door: w.look(front).DoorID}, 0},
		"Ada":                {Query{User: ada}, 2},
		"Ada at the front":   {Query{User: ada, Reader: front}, 1},
		"granted":            {Query{Kind: "granted"}, 3},
		"denied":             {Query{Kind: "denied"}, 1},
		"lockouts":           {Query{Kind: "lockout"}, 1},
		"alarms":             {Query{Kind: "alarm"}, 1},
		"administrators":     {Query{Kind: "admin"}, 1},
		"a kind of record":   {Query{Kind: "attempt.unknown"}, 1},
		"a kind of alarm":    {Query{Kind: store.JournalGap}, 1},
		"an act":             {Query{Kind: "admin.pin.switch"}, 1},
		"since":              {Query{Since: w.time.Add(-time.Hour)}, 5},
		"until":              {Query{Until: w.time.Add(-time.Hour)}, 2},
		"between":            {Query{Since: w.time.Add(-2 * time.Hour), Until: w.time}, 3},
	} {
		c.q.After = first
		if got := w.told(c.q); len(got) != c.want {
			t.Errorf("%s: %d entries, not %d: %q", name, len(got), c.want, got)
		}
	}
}

func TestPagesOfActivityLeadBackWithoutGapsWhileMoreComes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 7 {
		w.user()
	}
	var ids []int64
	q := Query{Limit: 3}
	for {
		page, err := w.Activity(t.Context(), as(Editor), q)
		w.must(err)
		for _, e := range page.Events {
			ids = append(ids, e.ID)
		}
		w.user() // an event that arrives between two pages
		if q.Before = page.Older; q.Before == 0 {
			break
		}
	}
	if !slices.Equal(ids, []int64{7, 6, 5, 4, 3, 2, 1}) {
		t.Error(ids)
	}
}

func TestAListOfUsersSaysWhoWasSeenWhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.reader()
	ada, bob := w.user(), w.user()
	w.records(door, &wire.Record{Kind: wire.AccessGranted, User: ada, Time: w.time.Add(-time.Hour).UnixMilli()}, &wire.Record{Kind: wire.AccessDenied, User: ada})
	page, err := w.Users(t.Context(), as(Viewer), UserQuery{})
	w.must(err)
	for _, u := range page.Users {
		switch u.ID {
		case ada:
			if u.Seen == nil || u.Seen.Door != "Door of "+door || !u.Seen.At.Equal(w.time.Add(-time.Hour)) {
				t.Errorf("%+v", u.Seen)
			}
		case bob:
			if u.Seen != nil {
				t.Errorf("%+v", u.Seen)
			}
		}
	}
	if last := w.look(door).Last; last == nil || last.Kind != string(wire.AccessDenied) {
		t.Errorf("%+v", last)
	}
}

func TestWhatOlderVersionsDidIsStillToldAsAPersonWould(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.reader()
	for _, c := range []struct {
		act, text string
		outcome   store.AuditOutcome
		want      string
	}{
		{"hold", "for 30 minutes", store.Done, "Changed: Grace held Door of " + door + " open for 30 minutes"},
		{"hold", "", store.Asked, "Asked: Grace asked to hold Door of " + door + " open"},
		{"release", "it is not connected", store.Failed, "Failed: Grace could not release Door of " + door + ": it is not connected"},
		{"of.tomorrow", "", store.Done, "Changed: Grace of.tomorrow Door of " + door},
	} {
		w.must(w.site.Update(t.Context(), func(tx *store.Tx) error {
			return tx.AddAudit(&store.Audit{At: w.time.UnixMilli(), Who: "Grace", Act: c.act, Outcome: c.outcome, Reader: door, Subject: door, Text: c.text})
		}))
		if e := w.newest(); e.Word.String()+": "+e.Text.String() != c.want {
			t.Errorf("%s: %q\nnot %q", e.Word, e.Text, c.want)
		}
	}
}

func TestAnOutageOfAReaderIsToldAsOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	front := w.reader()
	take := func(out bool) {
		w.must(w.site.TakeOutages(t.Context(), store.HomeCell, w.clock(), map[string]bool{front: out}))
	}
	take(true)
	if e := w.newest(); e.Kind != store.ReaderOffline || e.Result != Alarm || e.Word.String() != "Offline" || e.Text.String() != "Door of "+front+": the reader has had no connection for a minute. It goes on by what it has stored. Check its power and its network" {
		t.Errorf("%+v", e)
	}
	take(false)
	if e := w.newest(); e.Kind != store.ReaderOnline || e.Result != Plain || e.Word.String() != "Online" || e.Text.String() != "Door of "+front+": the reader is connected again" {
		t.Errorf("%+v", e)
	}
	for kind, want := range map[string]int{"reader": 2, store.ReaderOffline: 1, store.ReaderOnline: 1, "alarm": 0} {
		if got := w.told(Query{Kind: kind, Reader: front}); len(got) != want {
			t.Errorf("%s: %q", kind, got)
		}
	}
}
