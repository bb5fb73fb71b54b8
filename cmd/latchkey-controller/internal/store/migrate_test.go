package store

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/sync/wire"
)

// older makes a database of an earlier version of the schema, in SQLite.
func older(t *testing.T, version int, statements ...string) (dir string) {
	t.Helper()
	postgrestest.SQLiteOnly(t)
	dir = t.TempDir()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, File))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	steps, err := sqliteSteps()
	if err != nil {
		t.Fatal(err)
	}
	statements = append(slices.Clone(steps[:version]), statements...)
	statements = append(statements, fmt.Sprintf("PRAGMA application_id = %d", applicationID), fmt.Sprintf("PRAGMA user_version = %d", version))
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return dir
}

// literal writes a value for a statement.
func literal(message any) string { return fmt.Sprintf("x'%x'", wire.Marshal(message)) }

func TestASiteOfBeforeTheConsoleIsAllThereInIt(t *testing.T) {
	policy := func(reader, door, place string) string {
		p := wire.DefaultPolicy(reader, door)
		p.Place, p.Revision = place, 7
		return fmt.Sprintf(`INSERT INTO readers (id, created) VALUES ('%s', 1); INSERT INTO policies (reader_id, revision, policy, changed) VALUES ('%s', 7, %s, 1)`, reader, reader, literal(&p))
	}
	record := func(number uint64, kind wire.RecordKind, user uint64) string {
		return fmt.Sprintf(`INSERT INTO records (reader_id, journal, number, hash, record, kind, at, received) VALUES ('front', zeroblob(16), %d, zeroblob(32), %s, '%s', 5, 6)`,
			number, literal(&wire.Record{Number: number, Kind: kind, User: user, Time: 5}), kind)
	}
	dir := older(t, 2,
		`INSERT INTO site (one, id, name, created, signing, authority, root) VALUES (1, zeroblob(16), 'home', 1, x'', x'', x'')`,
		`INSERT INTO users (name, valid_from, valid_until, extended, created) VALUES ('Ada King Lovelace', 0, 0, 0, 1), ('Prince', 0, 0, 0, 1)`,
		`INSERT INTO user_groups (user_id, name) VALUES (1, 'lab'), (1, 'staff')`,
		`INSERT INTO credentials (user_id, kind, tag, material, created) VALUES (1, 2, zeroblob(16), x'00', 1)`,
		policy("back", "back", ""), policy("front", "Front door", "Main building"), policy("front-left", "Front door", "Main building"),
		record(1, wire.AccessGranted, 1), record(2, wire.Checkpoint, 0), record(3, wire.DoorForced, 0),
		`INSERT INTO alarms (reader_id, kind, at, text) VALUES ('front', 'journal.gap', 7, 'missing')`,
	)
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.View(t.Context(), func(tx *Tx) error {
		page, err := tx.FindUsers(UserChoice{Search: "love lab"}, UserCursor{}, 10)
		if err != nil {
			return err
		}
		if users := page.Users; page.Total != 2 || page.Found != 1 || users[0].First != "Ada King" || users[0].Last != "Lovelace" || !slices.Equal(users[0].Groups, []string{"lab", "staff"}) {
			t.Errorf("%d of %d, %+v", page.Found, page.Total, users)
		}
		if u, err := tx.User(2); err != nil || u.First != "Prince" || u.Last != "" || u.Name != "Prince" {
			t.Errorf("%+v, %v", u, err)
		}
		if c, err := tx.CredentialsOf(1); err != nil || len(c) != 1 || c[0].By != "" || c[0].Exposed {
			t.Errorf("%+v, %v", c, err)
		}
		places, err := tx.ReaderPlaces()
		if err != nil {
			return err
		}
		for reader, want := range map[string][2]string{"back": {"back", "home"}, "front": {"Front door", "Main building"}, "front-left": {"Front door", "Main building"}} {
			if w := places[reader]; w.DoorName != want[0] || w.Place != want[1] {
				t.Errorf("%s: %+v", reader, w)
			}
		}
		if places["front"].Door != places["front-left"].Door || places["front"].Door == places["back"].Door {
			t.Error("two readers of one door have two")
		}
		if p, err := tx.Policy("back"); err != nil || p.Revision != 7 || p.Place != "" {
			t.Errorf("%+v, %v: no reader is to be told anything", p, err)
		}
		entries, err := tx.Activity(ActivityFilter{Oldest: true, Limit: 10})
		if err != nil || len(entries) != 3 {
			t.Fatalf("%d entries, %v", len(entries), err)
		}
		for i, want := range []Event{
			{ID: 1, Source: FromRecords, Row: 1, Class: wire.ClassGranted, Kind: "access.granted", Reader: "front", User: 1, At: 5, Received: 6, Subject: "Ada King Lovelace", Door: "Front door"},
			{ID: 3, Source: FromRecords, Row: 3, Class: wire.ClassAlarm, Kind: "door.forced", Reader: "front", At: 5, Received: 6, Door: "Front door"},
			{ID: 4, Source: FromAlarms, Row: 1, Class: wire.ClassAlarm, Kind: "journal.gap", Reader: "front", At: 7, Received: 7, Door: "Front door"},
		} {
			if *entries[i] != want {
				t.Errorf("%+v\nnot %+v", *entries[i], want)
			}
		}
		days, err := tx.KeepDays()
		if days != 90 {
			t.Errorf("kept for %d days", days)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestOlderEntriesGetTheNamesThatActsTellOf(t *testing.T) {
	record := func(number int, r wire.Record) string {
		r.Number, r.Time = uint64(number), 5
		return fmt.Sprintf(`INSERT INTO records (reader_id, journal, number, hash, record, kind, at, received) VALUES ('front', zeroblob(16), %d, zeroblob(32), %s, '%s', 5, 6);
			INSERT INTO activity (source, row, class, kind, reader_id, user_id, at, received) VALUES (1, last_insert_rowid(), '%s', '%s', 'front', %d, 5, 6)`,
			number, literal(&r), r.Kind, r.Kind.Class(), r.Kind, r.User)
	}
	act := func(act, subject string, user int) string {
		return fmt.Sprintf(`INSERT INTO audit (at, admin_id, who, via, act, outcome, reader_id, user_id, subject, text) VALUES (5, 1, 'Grace', 'console', '%s', 'done', '', %d, '%s', '');
			INSERT INTO activity (source, row, class, kind, reader_id, user_id, at, received) VALUES (2, last_insert_rowid(), 'admin', 'admin.%s', '', %d, 5, 6)`, act, user, subject, act, user)
	}
	dir := older(t, 5,
		`INSERT INTO readers (id, created) VALUES ('front', 1)`,
		`INSERT INTO users (id, name, valid_from, valid_until, extended, created) VALUES (1, 'Ada Lovelace', 0, 0, 0, 1)`,
		record(1, wire.Record{Kind: wire.AccessGranted, User: 1}),
		record(2, wire.Record{Kind: wire.AccessGranted, User: 2}),
		act(ExportAct, "csv", 1), act("user.edit", "Ada Byron", 1), act("user.remove", "Charles Babbage", 2),
		record(3, wire.Record{Kind: wire.AccessGranted, User: 1}),
		record(4, wire.Record{Kind: wire.AccessGranted, User: 3}),
		record(5, wire.Record{Kind: wire.AccessGranted, Who: "Mary"}),
		record(6, wire.Record{Kind: wire.LockoutStarted, Users: []uint64{1, 2}}),
	)
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.View(t.Context(), func(tx *Tx) error {
		entries, err := tx.Activity(ActivityFilter{Oldest: true, Limit: 20})
		if err != nil || len(entries) != 9 {
			t.Fatalf("%d entries, %v", len(entries), err)
		}
		for i, want := range [][2]string{{"Ada Byron"}, {"Charles Babbage"}, {"", "Grace"}, {"Ada Byron", "Grace"}, {"Charles Babbage", "Grace"}, {"Ada Lovelace"}, {}, {"", "Mary"}, {}} {
			// The export is about Ada, and its own subject is a format.
			if i == 2 {
				want[0] = "Ada Byron"
			}
			if e := entries[i]; e.Subject != want[0] || e.Who != want[1] {
				t.Errorf("entry %d: %q by %q, not %q", i+1, e.Subject, e.Who, want)
			}
		}
		besides, err := tx.OtherNames(9)
		if len(besides) != 1 || besides[1] != "Ada Lovelace" {
			t.Errorf("besides: %v", besides)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestASiteThatSortedByBytesSortsAsPeopleRead(t *testing.T) {
	dir := older(t, 3, `INSERT INTO users (name, first, sort, words, valid_from, valid_until, extended, created) VALUES
		('Zoë', 'Zoë', 'zoe', ' zoe', 0, 0, 0, 1), ('Łukasz', 'Łukasz', 'łukasz', ' łukasz', 0, 0, 0, 1)`)
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.View(t.Context(), func(tx *Tx) error {
		users, _, err := tx.UsersAfter(UserChoice{}, UserCursor{}, 10)
		if err != nil || len(users) != 2 || users[0].Name != "Łukasz" {
			t.Errorf("%+v, %v", users, err)
		}
		if users, _, err = tx.UsersAfter(UserChoice{Search: "luk"}, UserCursor{}, 10); err != nil || len(users) != 1 {
			t.Errorf("%+v, %v", users, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAMigrationThatFailsLeavesTheDatabaseAsItWas(t *testing.T) {
	dir := older(t, 2, `INSERT INTO readers (id, created) VALUES ('front', 1)`, `INSERT INTO policies (reader_id, revision, policy, changed) VALUES ('front', 1, x'ff', 1)`)
	if _, err := Open(t.Context(), dir); err == nil {
		t.Fatal("a policy that is none")
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, File))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var version, tables int
	if err := db.QueryRow(`SELECT user_version, (SELECT count(*) FROM sqlite_master WHERE name IN ('admins', 'activity')) FROM pragma_user_version`).Scan(&version, &tables); err != nil || version != 2 || tables != 0 {
		t.Errorf("version %d with %d new tables, %v", version, tables, err)
	}
}

func TestFoldedTextIsComparedWithoutCaseAndAccents(t *testing.T) {
	for text, want := range map[string]string{
		"Ada Lovelace": "ada lovelace", "  Zoë\u00a0 MÜLLER-Lüdenscheidt ": "zoe muller ludenscheidt", "O'Hara": "o hara", "ＡＤＡ": "ada", "Иван": "иван", "!?": "", "": "",
	} {
		if got := Fold(text); got != want {
			t.Errorf("%q folds to %q, not %q", text, got, want)
		}
	}
}

func TestTheAgesOfWhatIsStoredAreTakenFromWhenItCameAndNeverTooEarly(t *testing.T) {
	const day = 86400_000
	entry := func(came int64) string {
		return fmt.Sprintf(`INSERT INTO activity (source, row, class, kind, reader_id, user_id, at, received) VALUES (1, 1, 'door', 'door.opened', 'front', 0, %d, %d)`, came, came)
	}
	act := func(id int, came int64) string {
		return fmt.Sprintf(`INSERT INTO audit (id, at, admin_id, who, via, act, outcome, reader_id, user_id, subject, text) VALUES (%d, %d, 1, 'Grace', 'console', 'user.add', 'done', '', 0, 'Ada', '');
			INSERT INTO activity (source, row, class, kind, reader_id, user_id, at, received) VALUES (2, %d, 'admin', 'admin.user.add', '', 0, %d, %d)`, id, came, id, came, came)
	}
	dir := older(t, 6,
		`INSERT INTO readers (id, created) VALUES ('front', 1)`,
		`INSERT INTO gaps (reader_id, journal, first, last, at) VALUES ('front', zeroblob(16), 1, 2, 5000)`,
		entry(100*day), act(7, 100*day+1), // 1, 2
		entry(101*day),                      // 3
		entry(1*day),                        // 4, by a clock that was behind
		entry(103*day), act(9, 103*day+500), // 5, 6
	)
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.View(t.Context(), func(tx *Tx) error {
		for before, want := range map[clock.Steady][2]int64{
			2 * 86400: {}, 100 * 86400: {2, 7}, 101*86400 - 1: {2, 7}, 101 * 86400: {4, 7}, 103*86400 - 1: {4, 7}, 103*86400 + 1: {6, 9},
		} {
			activity, audit, err := tx.OlderThan(before)
			if err != nil || [2]int64{activity, audit} != want {
				t.Errorf("before %d: %d, %d, %v; not %v", before, activity, audit, err, want)
			}
		}
		m, err := tx.Clock(clock.Reading{Wall: time.UnixMilli(103*day + 2*3600_000), Boot: "b", Since: time.Minute})
		if err != nil || m.Doubt != clock.None || m.Time() != 103*86400+7200 {
			t.Errorf("two hours later: %+v, %v", m, err)
		}
		m, err = tx.Clock(clock.Reading{Wall: time.UnixMilli(90 * day), Boot: "b", Since: time.Minute})
		if err != nil || m.Doubt != clock.Unset {
			t.Errorf("before the newest entry: %+v, %v", m, err)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	err = s.Update(t.Context(), func(tx *Tx) error {
		if gaps, err := tx.TakeGaps(5); len(gaps) != 0 || err != nil {
			t.Errorf("%v, %v", gaps, err)
		}
		gaps, err := tx.TakeGaps(6)
		if len(gaps) != 1 {
			t.Errorf("%v", gaps)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestASiteOfBeforeItHadAZoneGetsThatOfItsMachine(t *testing.T) {
	for tz, want := range map[string]string{"Asia/Tokyo": "Asia/Tokyo", "CET-1CEST": "UTC"} {
		t.Setenv("TZ", tz)
		dir := older(t, 6,
			`INSERT INTO site (one, id, name, created, signing, authority, root) VALUES (1, zeroblob(16), 'home', 1, x'', x'', x'')`,
			`INSERT INTO users (name, valid_from, valid_until, extended, created) VALUES ('Ada', 1764547200, 1796083200, 0, 1)`,
		)
		s, err := Open(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		err = s.View(t.Context(), func(tx *Tx) error {
			if zone, err := tx.Zone(); err != nil || zone != want {
				t.Errorf("%q becomes %q, %v", tz, zone, err)
			}
			if u, err := tx.User(1); err != nil || u.From != 1764547200 || u.Until != 1796083200 {
				t.Errorf("%+v, %v: another moment than before", u, err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// The clock ran years ahead once, for an entry, for somebody who looked at the
// console, and for somebody who typed wrong passwords.
func TestATimeThatWasYearsAheadOnceKeepsNothingYoungAndAgesNothing(t *testing.T) {
	const day, ahead = 86400, 5000
	entry := func(came int64) string {
		return fmt.Sprintf(`INSERT INTO activity (source, row, class, kind, reader_id, user_id, at, received) VALUES (1, 1, 'door', 'door.opened', 'front', 0, 1, %d)`, came*day*1000)
	}
	dir := older(t, 6,
		`INSERT INTO readers (id, created) VALUES ('front', 1)`,
		`INSERT INTO admins (id, name, folded, role, password, created, seen) VALUES (1, 'Grace', 'grace', 'owner', x'', 1, 1)`,
		fmt.Sprintf(`INSERT INTO sessions (hash, admin_id, began, seen, given, address, agent) VALUES (zeroblob(32), 1, %d, %[1]d, %[1]d, '', '')`, ahead*day),
		fmt.Sprintf(`INSERT INTO throttles (what, failures, last, until) VALUES ('account', 9, %d, %d)`, ahead*day, ahead*day+300),
		entry(100), entry(ahead), entry(103), // 1, 2, 3
	)
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Update(t.Context(), func(tx *Tx) error {
		m, err := tx.Clock(clock.Reading{Wall: time.Unix(103*day, 0), Boot: "b", Since: time.Minute})
		if err != nil {
			return err
		}
		now := m.Time()
		for after, want := range map[time.Duration]int64{0: 1, 25 * time.Hour: 3} {
			later := now.Add(after)
			if err := tx.MarkAge(later); err != nil {
				return err
			}
			if newest, _, err := tx.OlderThan(later.Add(-24 * time.Hour)); err != nil || newest != want {
				t.Errorf("a day before %v from now: %d, %v; not %d", after, newest, err, want)
			}
		}
		if newest, _, err := tx.OlderThan(now.Add(-90 * 24 * time.Hour)); err != nil || newest != 0 {
			t.Errorf("%d is old, %v", newest, err)
		}
		if session, err := tx.Session(wire.Hash{}); err != nil || session.Began > now || session.Seen > now || session.Authenticated > now {
			t.Errorf("at %d: %+v, %v", now, session, err)
		}
		if throttle, err := tx.Throttle("account"); err != nil || throttle.Last > now || throttle.Until > now {
			t.Errorf("at %d: %+v, %v", now, throttle, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestASiteOfBeforeCardsHadKeysHasCardsThatCanBeCopiedAndItsPolicies(t *testing.T) {
	dir := older(t, 7,
		`INSERT INTO site (one, id, name, created, signing, authority, root) VALUES (1, zeroblob(16), 'home', 1, x'', x'', x'')`,
		`INSERT INTO users (name, valid_from, valid_until, extended, created) VALUES ('Ada', 0, 0, 0, 1)`,
		`INSERT INTO credentials (user_id, kind, tag, material, created) VALUES (1, 2, zeroblob(16), x'00', 1), (1, 1, x'01010101010101010101010101010101', x'00', 1)`,
	)
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.View(t.Context(), func(tx *Tx) error {
		if row, err := tx.Site(); err != nil || len(row.CardMaster) != 0 {
			t.Errorf("%+v, %v", row, err)
		}
		if first, err := tx.FirstProven(); err != nil || first != FirstProvenIgnored {
			t.Errorf("first proven %d, %v", first, err)
		}
		if cards, copyable, err := tx.CountCards(nil); err != nil || cards != 1 || copyable != 1 {
			t.Errorf("%d of %d cards can be copied, %v", copyable, cards, err)
		}
		if users, _, err := tx.UsersAfter(UserChoice{State: CopyableUsers}, UserCursor{}, 10); err != nil || len(users) != 1 {
			t.Errorf("%d users have a card that can be copied, %v", len(users), err)
		}
		credentials, err := tx.Credentials()
		if err != nil || len(credentials) != 2 {
			t.Fatal(credentials, err)
		}
		for _, c := range credentials {
			sent := (&User{ID: 1}).Wire(c)
			if c.Chip != 0 || c.Generation != 0 || len(sent.CardKey) != 0 {
				t.Errorf("%+v", c)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestASiteOfBeforePINsHadLimitsHasPINsWithoutAny(t *testing.T) {
	dir := older(t, 12,
		`INSERT INTO users (name, valid_from, valid_until, extended, created) VALUES ('Ada', 5, 9, 0, 1)`,
		`INSERT INTO credentials (user_id, kind, tag, material, created) VALUES (1, 1, x'01010101010101010101010101010101', x'00', 1)`,
	)
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.View(t.Context(), func(tx *Tx) error {
		c, err := tx.Credential(1)
		if err != nil {
			return err
		}
		u, err := tx.User(1)
		if err != nil {
			return err
		}
		sent := u.Wire(c)
		if err := sent.Check(); err != nil || c.Duress || c.Limited() || sent.Needs() != 0 || sent.Made != 0 || sent.From != 5 || sent.Until != 9 {
			t.Errorf("%+v as %+v, %v", c, sent, err)
		}
		if uses, err := tx.UsesOf(1); err != nil || len(uses) != 0 {
			t.Errorf("%v, %v", uses, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestASiteThatWasThereBeforeTheFirstStepsHasNoneIfItHasACredential(t *testing.T) {
	for _, c := range []struct {
		more []string
		over bool
	}{
		{nil, false},
		{[]string{`INSERT INTO users (name, valid_from, valid_until, extended, created) VALUES ('Ada', 0, 0, 0, 1)`,
			`INSERT INTO credentials (user_id, kind, tag, material, created) VALUES (1, 1, x'01010101010101010101010101010101', x'00', 1)`}, true},
	} {
		dir := older(t, 2, append(c.more, `INSERT INTO site (one, id, name, created, signing, authority, root) VALUES (1, zeroblob(16), 'home', 1, x'', x'', x'')`)...)
		s, err := Open(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		err = s.View(t.Context(), func(tx *Tx) error {
			is, err := tx.FirstSteps()
			if err == nil && is.Over != c.over {
				t.Errorf("%+v, not %t", is, c.over)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		s.Close()
	}
}

func TestOfASiteOfBeforeTheNewestBoardOfALostReaderWasLost(t *testing.T) {
	bundle := func(number int, reader string, revoked int) string {
		return fmt.Sprintf(`INSERT INTO bundles (number, reader_id, created, request, certificate, serial, epoch, revoked) VALUES (%d, '%s', 1, x'', x'', '%d', 1, %d)`, number, reader, number, revoked)
	}
	reader := func(id, removed string) string {
		return fmt.Sprintf(`INSERT INTO readers (id, created, removed) VALUES ('%s', 1, '%s')`, id, removed)
	}
	dir := older(t, 35,
		`INSERT INTO epochs (number, created, key, salt, memory, time, threads) VALUES (1, 1, x'', zeroblob(16), 1, 1, 1)`,
		reader("lab", "lost"), reader("yard", "returned"), reader("hall", ""),
		bundle(1, "lab", 5), bundle(2, "lab", 7), bundle(3, "yard", 7), bundle(4, "hall", 7), bundle(5, "hall", 0))
	s, err := Open(t.Context(), dir)
	must(t, err)
	defer s.Close()
	var got []string
	must(t, s.View(t.Context(), func(tx *Tx) error {
		return tx.FormerBundles(func(b *FormerBundle) error {
			got = append(got, fmt.Sprint(b.Reader, b.Revoked, b.Lost))
			return nil
		})
	}))
	if want := []string{"lab5 false", "lab7 true", "yard7 false", "hall7 false"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
