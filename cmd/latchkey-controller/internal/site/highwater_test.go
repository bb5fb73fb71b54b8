package site

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// highWaterOf opens a site, as a controller does, and returns the epoch that it begins; 0: none. seen is
// of a controller that has gone on while the database was put back; nil: one that begins.
func highWaterOf(t *testing.T, dir string, seen *HighWater, act func(*Site)) (uint64, *HighWater) {
	t.Helper()
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if seen == nil {
		if seen, err = s.HighWater(); err != nil {
			t.Fatal(err)
		}
	}
	seen.site = s
	epoch, err := seen.Look(t.Context(), at(noon.Add(time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	if err := seen.Note(); err != nil {
		t.Fatal(err)
	}
	if act != nil {
		act(s)
		if again, err := seen.Look(t.Context(), at(noon.Add(time.Hour))); err != nil || again != 0 {
			t.Errorf("epoch %d, %v", again, err)
		}
	}
	return epoch, seen
}

// A database is put back by hand while no controller runs, and no reader is there to notice.
func TestADatabaseThatWasPutBackBeginsANewEpochByItself(t *testing.T) {
	postgrestest.SQLiteOnly(t) // whose file is put back
	event := func(text string) func(*Site) {
		return func(s *Site) {
			if err := s.AddAlarm(t.Context(), &store.Alarm{Kind: store.ClockDoubted, At: noon.UnixMilli() + int64(len(text)), Text: text}); err != nil {
				t.Fatal(err)
			}
		}
	}
	passed := func(dir string) {
		db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, store.File))
		if err == nil {
			_, err = db.Exec(`UPDATE sqlite_sequence SET seq = seq + 32 WHERE name = 'activity'`)
			err = errors.Join(err, db.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for what, change := range map[string]struct {
		lost   func(*Site)
		passed bool          // ids, as by a server that was not shut down
		others []func(*Site) // what happens before anybody looks
	}{
		"a credential":                          {lost: func(s *Site) { addUser(t, s, "Bob", "", uid(2)) }},
		"an event":                              {lost: event("a clock")},
		"an event, and another has its id":      {lost: event("a clock"), others: []func(*Site){event("another clock")}},
		"an event, and others follow":           {lost: event("a clock"), others: []func(*Site){event("another clock"), event("a clock")}},
		"an event, and others pass over its id": {lost: event("a clock"), passed: true, others: []func(*Site){event("a clock")}},
		"an epoch": {lost: func(s *Site) {
			if _, err := s.Reissue(t.Context(), noon, wire.Position{Epoch: 1 << 32}, "front-door"); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		for _, goesOn := range []bool{false, true} { // the controller, which has seen what it has not noted
			t.Run(fmt.Sprint(what, goesOn), func(t *testing.T) {
				s, dir := newSite(t)
				event("an older one")(s)
				addUser(t, s, "Ada", "58310274", uid(1))
				s.Close()
				if epoch, _ := highWaterOf(t, dir, nil, nil); epoch != 0 {
					t.Fatalf("epoch %d begins with the first note", epoch)
				}
				old, err := os.ReadFile(filepath.Join(dir, store.File))
				if err != nil {
					t.Fatal(err)
				}
				epoch, seen := highWaterOf(t, dir, nil, change.lost)
				if epoch != 0 {
					t.Fatalf("epoch %d begins though nothing was put back", epoch)
				}
				if !goesOn {
					if err := seen.Note(); err != nil {
						t.Fatal(err)
					}
				}
				if err := os.WriteFile(filepath.Join(dir, store.File), old, 0o600); err != nil {
					t.Fatal(err)
				}
				if change.passed {
					passed(dir)
				}
				s, err = Open(t.Context(), dir)
				if err != nil {
					t.Fatal(err)
				}
				for _, other := range change.others {
					other(s)
				}
				s.Close()
				was := seen.seen.Epoch
				if !goesOn {
					seen = nil
				}
				epoch, _ = highWaterOf(t, dir, seen, func(s *Site) {
					if report := check(t, s); report.Epoch <= was {
						t.Errorf("epoch %d after %d", report.Epoch, was)
					}
					if n := alarmsOf(t, s, store.LogForeign); n != 1 {
						t.Errorf("%d alarms", n)
					}
				})
				if epoch <= was {
					t.Errorf("epoch %d begins after %d", epoch, was)
				}
				if epoch, _ := highWaterOf(t, dir, nil, nil); epoch != 0 {
					t.Errorf("epoch %d begins once more", epoch)
				}
			})
		}
	}
}

func alarmsOf(t *testing.T, s *Site, kind string) (n int) {
	t.Helper()
	err := s.View(t.Context(), func(tx *store.Tx) error {
		all, err := tx.Alarms(store.Filter{})
		for _, a := range all {
			if a.Kind == kind {
				n++
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// What is noted is about one site, and no more than a note.
func TestANoteThatIsOfAnotherSiteOrDamagedBeginsNoEpoch(t *testing.T) {
	s, dir := newSite(t)
	s.Close()
	path := filepath.Join(dir, highWaterFile)
	for _, text := range []string{"", "{", `{"site":"other","epoch":9000000000,"hash":"` + strings.Repeat("00", 32) + `"}`, `{"epoch":-1}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if epoch, _ := highWaterOf(t, dir, nil, nil); epoch != 0 {
			t.Errorf("%s: epoch %d", text, epoch)
		}
		if noted, err := readHighWater(path); err != nil || noted == nil || noted.Epoch == 0 {
			t.Errorf("%s: %+v, %v", text, noted, err)
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
}

func TestACheckSeesThatTheDatabaseWasPutBackAndLeavesItThere(t *testing.T) {
	postgrestest.SQLiteOnly(t) // whose file is put back
	s, dir := newSite(t)
	behind := func() bool {
		t.Helper()
		s, err := Open(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		is, err := s.Behind(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	if behind() {
		t.Error("before anything is noted")
	}
	s.Close()
	old, err := os.ReadFile(filepath.Join(dir, store.File))
	if err != nil {
		t.Fatal(err)
	}
	_, seen := highWaterOf(t, dir, nil, func(s *Site) { addUser(t, s, "Ada", "58310274", uid(1)) })
	if err := seen.Note(); err != nil {
		t.Fatal(err)
	}
	if behind() {
		t.Error("though nothing was put back")
	}
	if err := os.WriteFile(filepath.Join(dir, store.File), old, 0o600); err != nil {
		t.Fatal(err)
	}
	if first := behind(); !first || !behind() { // the first changes nothing
		t.Error("it was put back")
	}
	if epoch, _ := highWaterOf(t, dir, nil, nil); epoch == 0 || behind() {
		t.Error("a controller has noticed")
	}
}

// Who leads may have seen less of what is lost than who stands by.
func TestAnEpochBeginsOnceHoweverManyControllersNotice(t *testing.T) {
	postgrestest.SQLiteOnly(t) // whose file is put back
	for name, leaderSaw := range map[string]bool{"the leader notices": true, "only the stand-by has seen it": false} {
		t.Run(name, func(t *testing.T) {
			s, dir := newSite(t)
			event := func(text string) {
				t.Helper()
				if err := s.AddAlarm(t.Context(), &store.Alarm{Kind: store.ClockDoubted, At: noon.UnixMilli(), Text: text}); err != nil {
					t.Fatal(err)
				}
			}
			event("an older one")
			s.Close()
			leads, standsBy := &HighWater{}, &HighWater{}
			with := func(act func()) {
				t.Helper()
				var err error
				if s, err = Open(t.Context(), dir); err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				leads.site, standsBy.site = s, s
				act()
			}
			look := func(h *HighWater) uint64 {
				t.Helper()
				epoch, err := h.Look(t.Context(), at(noon.Add(time.Hour)))
				if err != nil {
					t.Fatal(err)
				}
				return epoch
			}
			follow := func() bool {
				t.Helper()
				behind, err := standsBy.Follow(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				return behind
			}
			with(func() { look(leads); follow() })
			old, err := os.ReadFile(filepath.Join(dir, store.File))
			if err != nil {
				t.Fatal(err)
			}
			with(func() {
				event("a clock")
				if follow() {
					t.Error("behind before anything was put back")
				}
				if leaderSaw {
					look(leads)
				}
			})
			if err := os.WriteFile(filepath.Join(dir, store.File), old, 0o600); err != nil {
				t.Fatal(err)
			}
			with(func() {
				before := check(t, s).Epoch
				if first := follow(); !first || !follow() || check(t, s).Epoch != before {
					t.Error("the stand-by does not notice, or begins an epoch")
				}
				epoch := look(leads)
				if leaderSaw != (epoch != 0) {
					t.Errorf("the leader begins epoch %d", epoch)
				}
				if behind := follow(); behind == leaderSaw {
					t.Errorf("behind, after the leader looked: %t", behind)
				}
				if again := look(standsBy); leaderSaw == (again != 0) {
					t.Errorf("then the stand-by begins epoch %d as it leads", again)
				}
				if again := look(leads); again != 0 {
					t.Errorf("epoch %d begins once more", again)
				}
				if n := alarmsOf(t, s, store.LogForeign); n != 1 || check(t, s).Epoch == before {
					t.Errorf("%d alarms, epoch %d", n, check(t, s).Epoch)
				}
			})
		})
	}
}

func TestAnEpochThatBeganForAReadersHeadIsNoReasonForAnother(t *testing.T) {
	postgrestest.SQLiteOnly(t) // whose file is put back
	t.Parallel()
	for name, begin := range map[string]func(*Site, wire.Position) (uint64, error){
		"signed": func(s *Site, p wire.Position) (uint64, error) { return s.Reissue(t.Context(), noon, p, "front-door") },
		"claimed": func(s *Site, p wire.Position) (uint64, error) {
			return s.ReissueOnClaim(t.Context(), at(noon), p, "front-door")
		},
	} {
		s, dir := newSite(t)
		reopen := func() {
			t.Helper()
			var err error
			if s, err = Open(t.Context(), dir); err != nil {
				t.Fatal(err)
			}
		}
		event := func(text string) {
			t.Helper()
			if err := s.AddAlarm(t.Context(), &store.Alarm{Kind: store.ClockDoubted, At: noon.UnixMilli(), Text: text}); err != nil {
				t.Fatal(err)
			}
		}
		event("an older one")
		s.Close()
		old, err := os.ReadFile(filepath.Join(dir, store.File))
		if err != nil {
			t.Fatal(err)
		}
		reopen()
		event("what is lost")
		h := &HighWater{site: s}
		if _, err := h.Look(t.Context(), at(noon)); err != nil {
			t.Fatal(err)
		}
		s.Close()
		if err := os.WriteFile(filepath.Join(dir, store.File), old, 0o600); err != nil {
			t.Fatal(err)
		}
		reopen()
		defer s.Close()
		position, err := h.seen.position()
		if err != nil {
			t.Fatal(err)
		}
		position.Revision, position.Hash = position.Revision+1, wire.Hash{1} // a reader shows what was lost
		if first, err := begin(s, position); err != nil || first == 0 {
			t.Errorf("%s: epoch %d, %v", name, first, err)
		}
		h.site = s
		if again, err := h.Look(t.Context(), at(noon)); err != nil || again != 0 || alarmsOf(t, s, store.LogForeign) != 1 {
			t.Errorf("%s: epoch %d begins, too; %v; %d alarms", name, again, err, alarmsOf(t, s, store.LogForeign))
		}
	}
}
