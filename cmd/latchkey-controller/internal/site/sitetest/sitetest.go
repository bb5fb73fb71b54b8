// Package sitetest has sites for tests.
package sitetest

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// Once makes a new site at its first call, and writes that site into the directory of each:
// the migrations of a database take longer than most tests. What create makes is a
// directory of files, and, with the flag -postgres, a database of PostgreSQL, of which each
// site has a copy until its test ends. create puts the site into database; "": SQLite.
func Once(create func(dir, database string) error) func(t testing.TB, dir string) {
	made := sync.OnceValues(func() (map[string][]byte, error) {
		dir, err := os.MkdirTemp("", "site")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		database := ""
		if postgrestest.On() {
			if database, err = postgrestest.Lasting(); err != nil {
				return nil, err
			}
		}
		if err := create(dir, database); err != nil {
			return nil, err
		}
		return read(dir)
	})
	return func(t testing.TB, dir string) {
		t.Helper()
		files, err := made()
		if err != nil {
			t.Fatal(err)
		}
		write(t, files, dir)
	}
}

// Copy copies the site in a directory, which nobody has open, to another one.
func Copy(t testing.TB, from, to string) {
	t.Helper()
	files, err := read(from)
	if err != nil {
		t.Fatal(err)
	}
	write(t, files, to)
}

// write writes the files of a site, with a database of its own if that is in PostgreSQL.
func write(t testing.TB, files map[string][]byte, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if name == store.AddressFile {
			content = []byte(postgrestest.Copy(t, strings.TrimSpace(string(content))) + "\n")
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// read reads the files of a site, without the reserve: whoever opens the site fills it again, for much less than
// a copy costs.
func read(dir string) (map[string][]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, entry := range entries {
		if entry.Name() == store.ReserveFile {
			continue
		}
		if files[entry.Name()], err = os.ReadFile(filepath.Join(dir, entry.Name())); err != nil {
			return nil, err
		}
	}
	return files, nil
}
