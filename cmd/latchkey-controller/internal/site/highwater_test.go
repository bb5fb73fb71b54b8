package site

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// highWaterOf opens a site, as a controller does, and returns the epoch that it begins; 0: none.
func highWaterOf(t *testing.T, dir string, act func(*Site)) uint64 {
	t.Helper()
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	epoch, err := s.CheckHighWater(t.Context(), at(noon.Add(time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	if act != nil {
		act(s)
		if again, err := s.CheckHighWater(t.Context(), at(noon.Add(time.Hour))); err != nil || again != 0 {
			t.Errorf("epoch %d, %v", again, err)
		}
	}
	return epoch
}

// A database is put back by hand while no controller runs, and no reader is there to notice.
func TestADatabaseThatWasPutBackBeginsANewEpochByItself(t *testing.T) {
	postgrestest.SQLiteOnly(t) // whose file is put back
	for what, change := range map[string]func(*Site){
		"a credential": func(s *Site) { addUser(t, s, "Bob", "", uid(2)) },
		"an event": func(s *Site) {
			if err := s.AddAlarm(t.Context(), &store.Alarm{Kind: store.ClockDoubted, At: noon.UnixMilli(), Text: "a clock"}); err != nil {
				t.Fatal(err)
			}
		},
		"an epoch": func(s *Site) {
			if _, err := s.Reissue(t.Context(), noon, 0); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			s, dir := newSite(t)
			addUser(t, s, "Ada", "58310274", uid(1))
			s.Close()
			if epoch := highWaterOf(t, dir, nil); epoch != 0 {
				t.Fatalf("epoch %d begins with the first note", epoch)
			}
			old, err := os.ReadFile(filepath.Join(dir, store.File))
			if err != nil {
				t.Fatal(err)
			}
			if epoch := highWaterOf(t, dir, change); epoch != 0 {
				t.Fatalf("epoch %d begins though nothing was put back", epoch)
			}
			noted, err := readHighWater(filepath.Join(dir, highWaterFile))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, store.File), old, 0o600); err != nil {
				t.Fatal(err)
			}
			epoch := highWaterOf(t, dir, func(s *Site) {
				if report := check(t, s); report.Epoch <= noted.Epoch {
					t.Errorf("epoch %d after %d", report.Epoch, noted.Epoch)
				}
				if n := alarmsOf(t, s, store.LogForeign); n != 1 {
					t.Errorf("%d alarms", n)
				}
			})
			if epoch <= noted.Epoch {
				t.Errorf("epoch %d begins after %d", epoch, noted.Epoch)
			}
			if epoch := highWaterOf(t, dir, nil); epoch != 0 {
				t.Errorf("epoch %d begins once more", epoch)
			}
		})
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
		if epoch := highWaterOf(t, dir, nil); epoch != 0 {
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
