package site

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/cmd/latchkey-controller/internal/vault"
)

// bring copies files of a directory to another one.
func bring(t *testing.T, from, to string, names ...string) {
	t.Helper()
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnotherSitesDatabaseIsRefusedAndAnotherDirectoryOfTheSiteIsNot(t *testing.T) {
	root := t.TempDir()
	one, other, third := filepath.Join(root, "one"), filepath.Join(root, "other"), filepath.Join(root, "third")
	ones := postgrestest.Database(t)
	s, err := Create(t.Context(), one, ones, "home", "UTC", at(noon))
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if s, err = Create(t.Context(), other, postgrestest.Database(t), "office", "UTC", at(noon)); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := os.Mkdir(third, 0o700); err != nil {
		t.Fatal(err)
	}

	// Another directory with the site's key is one of another controller.
	bring(t, one, third, vault.KeyFile, store.AddressFile)
	if s, err = Open(t.Context(), third); err != nil || s.Name != "home" {
		t.Fatal(err)
	}
	s.Close()

	bring(t, one, other, store.AddressFile)
	_, err = Open(t.Context(), other)
	if err == nil || !strings.Contains(err.Error(), "does not open the site home that is in the database that "+filepath.Join(other, store.AddressFile)+" names") {
		t.Errorf("another site's database: %v", err)
	}

	fourth := filepath.Join(root, "fourth")
	_, err = Create(t.Context(), fourth, ones, "office", "UTC", at(noon))
	if err == nil || !strings.Contains(err.Error(), "the database already holds the site home; a site has a database of its own") {
		t.Errorf("a new site in another's database: %v", err)
	}
	if _, err := os.Stat(filepath.Join(fourth, vault.KeyFile)); err == nil {
		t.Error("a storage key was made")
	}

	empty := postgrestest.Database(t)
	if err := os.WriteFile(filepath.Join(third, store.AddressFile), []byte(empty+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), third)
	if err == nil || !strings.Contains(err.Error(), "it holds no site: correct its address, or create a site in it with latchkey-controller init") {
		t.Errorf("an empty database: %v", err)
	}
	if s, err = Create(t.Context(), filepath.Join(root, "fifth"), empty, "fifth", "UTC", at(noon)); err != nil {
		t.Errorf("it is no longer empty: %v", err)
	} else {
		s.Close()
	}
}

func TestASiteSaysWhatItsDatabaseIsAndWhere(t *testing.T) {
	t.Parallel()
	s, dir := newSite(t)
	want := "SQLite, " + filepath.Join(dir, store.File)
	if postgrestest.On() {
		want = "PostgreSQL, " + s.Place()
	}
	if got := s.Database(); got != want {
		t.Errorf("%q, not %q", got, want)
	}
}

func TestToJoinWithoutTheStorageKeySaysWhereItIs(t *testing.T) {
	_, err := Join(t.Context(), t.TempDir(), "postgres://localhost:1/site", "/none/storage.key")
	if err == nil || err.Error() != "the storage key: stat /none/storage.key: no such file or directory; copy storage.key from the directory of another controller to this machine and name that file" {
		t.Error(err)
	}
}
