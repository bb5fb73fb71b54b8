package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestANewerVersionTakesOverFromOneThatRunsAndNobodyStops(t *testing.T) {
	r := newReleases(t, expands)
	older := r.open(0)
	lead, err := older.Lead(t.Context(), HomeCell, alreadyLed)
	must(t, err)
	term := lead.Term()
	w := works(t, older, 0)
	w.more()
	newer := r.open(1)
	r.is("side by side", 1, 0)
	w.more()
	kept(t, "the migration", lead)
	if now := r.server.Ask("site", `SELECT term::text FROM lead`); now != fmt.Sprint(term) {
		t.Errorf("term %s, not %d", now, term)
	}
	note := func(s *Store, id int) error {
		return s.Update(t.Context(), func(tx *Tx) error {
			return tx.exec(`INSERT INTO notes (id, reader) SELECT ?, id FROM readers WHERE note = 'none' LIMIT 1`, id)
		})
	}
	must(t, note(newer, 1))
	leads := standingBy(t, newer)
	all, err := newer.Controllers(t.Context())
	must(t, err)
	if len(all) != 2 || all[0].Schema != r.now || !all[0].Leads || all[1].Schema != r.now+1 {
		t.Errorf("%+v", all)
	}
	must(t, older.View(t.Context(), func(tx *Tx) error {
		if v, err := worksWith(tx); err != nil || v != r.now {
			t.Errorf("works with %d, %v", v, err)
		}
		return nil
	}))
	again := r.open(1) // there is nothing to change
	must(t, note(again, 2))
	w.more()
	wrote := w.stop()
	if n := r.server.Ask("site", `SELECT count(*)::text FROM done d JOIN readers r ON r.id = 'reader-' || d.n`); n != fmt.Sprint(wrote) {
		t.Errorf("%s of %d are there", n, wrote)
	}
	kept(t, "all that", lead)
	lead.Close()
	next := come(t, leads, "the lead")
	if next.Term() <= term {
		t.Errorf("term %d after %d", next.Term(), term)
	}
	must(t, note(newer, 3))

	// And back: an older program beside it, which takes over.
	back := r.open(0)
	r.is("an older program", 1, 0)
	w = works(t, back, wrote)
	w.more()
	leads = standingBy(t, back)
	next.Close()
	last := come(t, leads, "the lead")
	defer last.Close()
	w.more()
	w.stop()
	kept(t, "an older one leads", last)
	row, _, err := SiteAt(t.Context(), r.address) // as join does
	if err != nil || row.Name != "home" {
		t.Errorf("%v", err)
	}
}

func TestATableIsContractedOnceNoControllerUsesWhatIsTakenAway(t *testing.T) {
	r := newReleases(t, expands, "-- Works with %d\nALTER TABLE notes ADD COLUMN more BIGINT NOT NULL DEFAULT 0; SELECT pg_sleep(1);")
	older := r.open(0)
	lead, err := older.Lead(t.Context(), HomeCell, alreadyLed)
	must(t, err)
	// Over a release that lies between: the running controller does not work with what is to come.
	who := fmt.Sprintf("its schema has to become version %d for this program, with which controllers from schema version %d on work; but latchkey-controller on ", r.now+2, r.now+1)
	r.refused(2, who, fmt.Sprintf("runs and is of version %d: upgrade that controller to a version in between first, of a schema from %d on, or stop it", r.now, r.now+1))
	r.is("refused", 0, 0)
	between := r.open(1)
	leads := standingBy(t, between)
	r.refused(2, who)
	r.is("refused while one of two is too old", 1, 0)
	kept(t, "what was refused", lead)
	lead.Close()
	next := come(t, leads, "the lead")

	// Meanwhile the older one comes again.
	w := works(t, between, 0)
	w.more()
	done := make(chan error, 1)
	go func() {
		_, err := r.try(2)
		done <- err
	}()
	for r.server.Ask("site", `SELECT count(*)::text FROM pg_stat_activity WHERE wait_event = 'PgSleep'`) == "0" && len(done) == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	within, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := older.Lead(within, HomeCell, standBy); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("has become version %d, of a newer latchkey-controller, and works with those from version %d on; this one is of %d. Install the newer one here, too, and start it", r.now+2, r.now+1, r.now)) {
		t.Errorf("%v", err)
	}
	must(t, come(t, done, "the end of the migration"))
	r.is("contracted", 2, 1)
	w.more()
	w.stop()
	kept(t, "contracting", next)
	next.Close()
	r.refused(0, fmt.Sprintf("its schema is version %d, made by a newer latchkey-controller; this one supports up to %d. Install the newer one here, too", r.now+2, r.now))
	if _, _, err := SiteAt(t.Context(), r.address); err == nil || !strings.Contains(err.Error(), "made by a newer latchkey-controller") {
		t.Errorf("to join: %v", err)
	}
	err = older.Update(t.Context(), func(tx *Tx) error { _, err := tx.SealedSigning(); return err })
	if err == nil || !strings.Contains(err.Error(), "so nothing was done; install the newer one here, too, and restart the controller") {
		t.Errorf("a command that was running: %v", err)
	}
	must(t, between.Update(t.Context(), func(tx *Tx) error { _, err := tx.SealedSigning(); return err }))
}

func TestAMigrationWithWhichNobodyOlderWorksWaitsUntilAllAreStopped(t *testing.T) {
	r := newReleases(t, `ALTER TABLE readers ADD COLUMN note TEXT;`)
	older := r.open(0)
	lead, err := older.Lead(t.Context(), HomeCell, alreadyLed)
	must(t, err)
	second := r.open(0)
	leads := standingBy(t, second)
	r.refused(1, fmt.Sprintf("runs and is of version %d (1 besides): stop that controller, upgrade it, and start it again after this one", r.now))
	lead.Close()
	come(t, leads, "the lead").Close()
	conn, err := pgx.Connect(t.Context(), r.address)
	must(t, err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	_, err = conn.Exec(t.Context(), `UPDATE lead SET holder = 'cut off'`)
	must(t, err)
	before := r.server.Ask("site", `SELECT term::text FROM lead`)
	r.open(1)
	r.is("alone", 1, 1)
	if after := r.server.Ask("site", `SELECT term || holder FROM lead`); after == before || strings.HasSuffix(after, "cut off") {
		t.Errorf("who was cut off leads on: %s", after)
	}
}

func TestAnExpansionLeavesALeaderThatIsCutOffItsLead(t *testing.T) {
	r := newReleases(t, strings.ReplaceAll(expands, "%d", fmt.Sprint(sideBySide)))
	conn, err := pgx.Connect(t.Context(), r.address)
	must(t, err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	_, err = conn.Exec(t.Context(), `UPDATE lead SET holder = 'cut off'`)
	must(t, err)
	before := r.server.Ask("site", `SELECT term || holder FROM lead`)
	r.open(1)
	if after := r.server.Ask("site", `SELECT term || holder FROM lead`); after != before {
		t.Errorf("%s, not %s", after, before)
	}
}

func TestAnOlderProgramLeavesWhatIsAboutAllTablesToTheNewer(t *testing.T) {
	r := newReleases(t, expands)
	older := r.open(0)
	r.open(1)
	const says = "of a newer latchkey-controller, and this one knows "
	must(t, older.View(t.Context(), func(tx *Tx) error {
		if _, err := tx.Image(t.TempDir()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("a backup: %v", err)
		}
		return nil
	}))
	err := older.Update(t.Context(), func(tx *Tx) error { return tx.Reseal(nil, Kinds{}) })
	if err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("another storage key: %v", err)
	}
	dir := t.TempDir()
	must(t, PointTo(dir, r.address))
	first := func(*Tx) error { return errors.New("it is begun") }
	if _, err := older.MoveTo(t.Context(), Move{Dir: dir, At: time.Unix(1, 0), First: first}); err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("a move: %v", err)
	}
	// To a database that a newer one has made.
	address := r.server.New("newer")
	_, err = ofVersion(t, address, r.steps)
	must(t, err)
	sqlite := t.TempDir()
	from, err := Create(t.Context(), sqlite, "")
	must(t, err)
	defer from.Close()
	addSite(t, from)
	if _, err := from.MoveTo(t.Context(), Move{Dir: sqlite, To: address, At: time.Unix(1, 0), First: first}); err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("a move to it: %v", err)
	}
}

// worksWith returns the oldest version of the schema whose programs the database is open to.
func worksWith(tx *Tx) (version int, err error) {
	err = tx.row(tx.engine.worksWithQuery(), nil, &version)
	return version, err
}

func TestSQLiteWorksWithThisVersionOnly(t *testing.T) {
	t.Parallel()
	s, err := Create(t.Context(), t.TempDir(), "")
	must(t, err)
	defer s.Close()
	addSite(t, s)
	sealed := func() error {
		return s.Update(t.Context(), func(tx *Tx) error { _, err := tx.SealedSigning(); return err })
	}
	must(t, sealed())
	update(t, s, func(tx *Tx) error {
		if v, err := worksWith(tx); err != nil || v != s.engine.newest() {
			t.Errorf("works with %d, %v", v, err)
		}
		return tx.engine.setVersion(tx, s.engine.newest()+1)
	})
	if err := sealed(); err == nil || !strings.Contains(err.Error(), "restart the controller") {
		t.Errorf("after a newer one has opened it: %v", err)
	}
}

func TestTheHeadOfAMigrationIsReadStrictly(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]int{
		"CREATE TABLE a (b BIGINT);\n":                                 50,
		"-- What it is about.\nCREATE TABLE a (b BIGINT);\n":           50,
		"-- Works with 49\nCREATE TABLE a (b BIGINT);\n":               49,
		"-- Works with 30\n":                                           30,
		"-- Works with 29\n":                                           0,
		"-- Works with 50\n":                                           0,
		"-- Works with 51\n":                                           0,
		"-- Works with 049\n":                                          0,
		"-- Works with 49.\n":                                          0,
		"-- Works with 49 \n":                                          0,
		"-- Works with 9999999999\n":                                   0,
		"-- Works with\n":                                              0,
		"-- works with 49\n":                                           0,
		"--Works with 49\n":                                            0,
		"\n-- Works with 49\n":                                         0,
		"-- About it.\n-- Works with 49\n":                             0,
		"-- Works with 49\nCREATE TABLE a ();\n  -- works with 48\n":   0,
		"-- About how it works with 49.\nCREATE TABLE a (b BIGINT);\n": 50,
	} {
		s, err := newStep(sql, 50)
		if (err != nil) != (want == 0) || err == nil && s.worksWith != want {
			t.Errorf("%q: %+v, %v", sql, s, err)
		}
	}
}
