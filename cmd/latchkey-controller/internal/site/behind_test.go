package site

import (
	"os"
	"path/filepath"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/store"
)

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
