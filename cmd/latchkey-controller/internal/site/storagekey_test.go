package site

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/cmd/latchkey-controller/internal/vault"
)

// storageKeys reads a site's key files; nil for one that is not there.
func storageKeys(t *testing.T, dir string) (key, next []byte) {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(dir, vault.KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	next, _ = os.ReadFile(filepath.Join(dir, vault.KeyFile+".next"))
	return key, next
}

// withPassword adds an administrator with a sealed password.
func withPassword(t *testing.T, s *Site) {
	t.Helper()
	err := s.Update(t.Context(), func(tx *store.Tx) error {
		a := &store.Admin{Name: "Ada", Role: "owner"}
		if err := tx.AddAdmin(a); err != nil {
			return err
		}
		return tx.SetPassword(a.ID, s.Seal("password", a.ID, []byte("check")))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// newStorageKey gives a site another storage key.
func newStorageKey(t *testing.T, s *Site) error {
	t.Helper()
	if err := s.Update(t.Context(), func(tx *store.Tx) error { return s.Reseal(tx, "password") }); err != nil {
		return err
	}
	return s.PromoteStorageKey()
}

// opens opens a site and everything that is encrypted in it.
func opens(t *testing.T, dir string) {
	t.Helper()
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if report := check(t, s); report.Credentials != 2 {
		t.Errorf("%+v", report)
	}
	var admin *store.Admin
	if err := s.View(t.Context(), func(tx *store.Tx) (err error) { admin, err = tx.Admin(1); return err }); err != nil {
		t.Fatal(err)
	}
	if password, err := s.Unseal("password", 1, admin.Password); err != nil || string(password) != "check" {
		t.Errorf("%q, %v", password, err)
	}
	newEpoch(t, s, noon, 0)
}

func TestANewStorageKeyOpensEverythingAndTheOldOneNothing(t *testing.T) {
	s, dir := newSite(t)
	addUser(t, s, "Ada", "58310274", []byte{4, 1, 2, 3, 4, 5, 6})
	withPassword(t, s)
	before, _ := storageKeys(t, dir)
	other, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := newStorageKey(t, s); err != nil {
		t.Fatal(err)
	}
	after, next := storageKeys(t, dir)
	if bytes.Equal(before, after) || next != nil {
		t.Error("the key is the same, or two are left")
	}
	// Whoever still has the site open writes nothing that the new key would not open.
	for _, old := range []*Site{s, other} {
		if err := old.Update(t.Context(), func(tx *store.Tx) error { return old.AddCard(tx, noon, "Eve", 1, []byte{1, 2, 3, 4}) }); !errors.Is(err, errResealed) {
			t.Error(err)
		}
	}
	opens(t, dir)
	if err := os.WriteFile(filepath.Join(dir, vault.KeyFile), before, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), dir); err == nil {
		t.Error("the old key opens it")
	}
}

func TestAChangeOfTheStorageKeyThatWasCutShortIsFinishedOrForgotten(t *testing.T) {
	t.Run("before the transaction", func(t *testing.T) {
		s, dir := newSite(t)
		addUser(t, s, "Ada", "58310274", []byte{4, 1, 2, 3, 4, 5, 6})
		withPassword(t, s)
		if _, err := vault.Next(dir); err != nil {
			t.Fatal(err)
		}
		opens(t, dir)
		if err := newStorageKey(t, s); err != nil {
			t.Fatal(err)
		}
		opens(t, dir)
	})
	t.Run("after the transaction", func(t *testing.T) {
		s, dir := newSite(t)
		addUser(t, s, "Ada", "58310274", []byte{4, 1, 2, 3, 4, 5, 6})
		withPassword(t, s)
		before, _ := storageKeys(t, dir)
		if err := newStorageKey(t, s); err != nil {
			t.Fatal(err)
		}
		after, _ := storageKeys(t, dir)
		for name, key := range map[string][]byte{vault.KeyFile: before, vault.KeyFile + ".next": after} {
			if err := os.WriteFile(filepath.Join(dir, name), key, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		opens(t, dir)
		if key, next := storageKeys(t, dir); !bytes.Equal(key, after) || next != nil {
			t.Error("the change was not finished")
		}
	})
	t.Run("in the transaction", func(t *testing.T) {
		s, dir := newSite(t)
		addUser(t, s, "Ada", "58310274", []byte{4, 1, 2, 3, 4, 5, 6})
		withPassword(t, s)
		failure := errors.New("the disk is full")
		err := s.Update(t.Context(), func(tx *store.Tx) error { return errors.Join(s.Reseal(tx, "password"), failure) })
		if !errors.Is(err, failure) {
			t.Fatal(err)
		}
		opens(t, dir)
	})
}
