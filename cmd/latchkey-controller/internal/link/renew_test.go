package link

import (
	"path/filepath"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A reader says every 30 s what it understands, also if nothing changes.
func TestAReaderThatIsUpdatedTwiceInAMinuteGetsItsPolicyWithTheFirstStateAfterIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "site")
	s, err := site.Create(t.Context(), dir, postgrestest.Address(t), "home", "Europe/Zurich", clock.Read())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	board, began := boardtest.New(t), time.Now()
	err = s.Update(t.Context(), func(tx *store.Tx) error {
		p, _, err := site.PolicyOrNew(tx, "lab")
		if err != nil {
			return err
		}
		if _, _, err := s.Adopt(tx, began, board.Signed, nil, p); err != nil {
			return err
		}
		return site.AddMode(tx, began, &store.Mode{Mode: wire.ModeLockdown, Level: "site", Who: "Ada"})
	})
	if err != nil {
		t.Fatal(err)
	}
	rec := recorder{Link: &Link{o: Options{Site: s}}, renewed: map[string]time.Time{}}
	says := func(level int, after time.Duration) (modes int) {
		t.Helper()
		peers, _, err := s.Peers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		report := site.ModeReport{Reader: "lab", Bundle: peers["lab"].Bundle, At: began.Add(after), Level: level}
		if err := rec.takeModes(t.Context(), []site.ModeReport{report}); err != nil {
			t.Fatal(err)
		}
		if peers, _, err = s.Peers(t.Context()); err != nil {
			t.Fatal(err)
		}
		verified, err := wire.OpenPolicy(s.ID, peers["lab"].Policy, s.Key())
		if err != nil {
			t.Fatal(err)
		}
		return len(verified.Policy().Modes)
	}
	if says(wire.LevelModes, 0) != 1 {
		t.Fatal("it does not get the lockdown with its first state")
	}
	if says(0, 0) != 1 {
		t.Error("its policy is sent in another form again within a minute")
	}
	if says(0, time.Hour) != 0 {
		t.Error("it does not get a policy that it understands after the minute")
	}
	if says(wire.LevelModes, 2*time.Hour) != 1 {
		t.Error("it stays out of the lockdown")
	}
}
