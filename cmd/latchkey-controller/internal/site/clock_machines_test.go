package site

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// The clocks of both run; that of the other one is almost a day ahead.
func TestASitesTimeRunsOnWhileMachinesTakeTurns(t *testing.T) {
	t.Parallel()
	began := time.Now()
	read := func(boot string, up, ahead time.Duration) clock.Reading {
		passed := time.Since(began)
		return clock.Reading{Wall: began.Add(passed + ahead).Round(0), Boot: boot, Since: up + passed}
	}
	one := func() clock.Reading { return read("one", time.Minute, 0) }
	other := func() clock.Reading { return read("other", 400*24*time.Hour, 20*time.Hour) }
	s, err := Create(t.Context(), filepath.Join(t.TempDir(), "site"), postgrestest.Database(t), "home", "UTC", one())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	steady := func(r clock.Reading) (passed time.Duration) {
		t.Helper()
		err := s.View(t.Context(), func(tx *store.Tx) error {
			m, err := tx.Clock(r)
			passed = m.Time().Sub(clock.Steady(began.Unix()))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return passed
	}
	doubt := func(r clock.Reading, want string) {
		t.Helper()
		for _, look := range []func() (*language.Sentence, error){
			func() (*language.Sentence, error) { return s.Doubt(t.Context(), r) }, // as who stands by
			func() (*language.Sentence, error) { return s.KeepTime(t.Context(), r) },
			func() (*language.Sentence, error) { return s.Doubt(t.Context(), r) },
		} {
			if says, err := look(); err != nil || !strings.Contains(says.String(), want) || (want == "") != (says == nil) {
				t.Errorf("%q, %v; want %q", says, err, want)
			}
		}
		for _, r := range []clock.Reading{one(), other()} {
			if off := steady(r) - time.Since(began); off < -3*time.Second || off > 3*time.Second {
				t.Errorf("%v have passed for %s, %v too many", steady(r), r.Boot, off)
			}
		}
	}
	for range 3 {
		doubt(one(), "")
		doubt(other(), "this machine's clock is 20 hours ahead of that of another controller of the site")
	}
	doubt(one(), "")
}
