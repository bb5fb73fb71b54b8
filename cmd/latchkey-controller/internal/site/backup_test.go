package site

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/cmd/latchkey-controller/internal/vault"
	"latchkey/sync/wire"
)

func TestABackupIsPrivateAndIsRestoredIntoANewEpoch(t *testing.T) {
	s, _ := newSite(t)
	addUser(t, s, "Ada", "58310274", uid(1))
	adopt(t, s, noon, "front-door", newBoard(t), noEdit)
	before := theLog(t, s, wire.Place{}).Place
	policy, err := s.Policy(t.Context(), "front-door")
	if err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(t.TempDir(), "backup")
	if err := s.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), backup); err == nil {
		t.Error("over another backup")
	}
	for _, name := range []string{".", store.File, vault.KeyFile} {
		if err := vault.CheckPrivate(filepath.Join(backup, name)); err != nil {
			t.Error(err)
		}
	}
	bob := addUser(t, s, "Bob", "", uid(2))
	dir := filepath.Join(t.TempDir(), "restored")
	epoch, err := Restore(t.Context(), at(noon.Add(time.Hour)), backup, dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), at(noon), backup, dir); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Error(err)
	}
	restored, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer restored.Close()
	if report := check(t, restored); report.Users != 1 || report.Epoch != epoch || epoch <= before.Epoch {
		t.Errorf("%+v, epoch %d after %d", report, epoch, before.Epoch)
	}
	if p, err := restored.Policy(t.Context(), "front-door"); err != nil || p.Revision <= policy.Revision {
		t.Errorf("policy %+v, %v", p, err)
	}
	if u := addUser(t, restored, "Eve", "", uid(3)); u.ID <= bob.ID {
		t.Errorf("number %d was Bob's", u.ID)
	}
	if restored.ID != s.ID || restored.Fingerprint() != s.Fingerprint() {
		t.Error("another site")
	}
}

func TestADamagedBackupIsNotRestored(t *testing.T) {
	s, _ := newSite(t)
	addUser(t, s, "Ada", "", uid(1))
	parent := t.TempDir()
	for name, damage := range map[string]func(dir string) error{
		"no key": func(dir string) error { return os.Remove(filepath.Join(dir, vault.KeyFile)) },
		"another key": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, vault.KeyFile), make([]byte, 32), 0o600)
		},
		"no database": func(dir string) error { return os.Remove(filepath.Join(dir, store.File)) },
		"half of it":  func(dir string) error { return os.Truncate(filepath.Join(dir, store.File), 8192) },
	} {
		backup, dir := filepath.Join(parent, name), filepath.Join(parent, name+" restored")
		if err := s.Backup(t.Context(), backup); err != nil {
			t.Fatal(err)
		}
		if err := damage(backup); err != nil {
			t.Fatal(err)
		}
		if _, err := Restore(t.Context(), at(noon), backup, dir); err == nil {
			t.Errorf("%s: restored", name)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: half a site is left", name)
		}
	}
	if entries, err := os.ReadDir(parent); err != nil || len(entries) != 4 {
		t.Errorf("%v, %v", entries, err)
	}
}
