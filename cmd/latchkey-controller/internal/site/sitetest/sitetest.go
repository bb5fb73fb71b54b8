// Package sitetest has sites for tests.
package sitetest

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Once makes a new site at its first call, and writes that site into the directory of each:
// the migrations of a database take longer than most tests. What create makes is a
// directory of files.
func Once(create func(dir string) error) (write func(t testing.TB, dir string)) {
	made := sync.OnceValues(func() (map[string][]byte, error) {
		dir, err := os.MkdirTemp("", "site")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		if err := create(dir); err != nil {
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
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, content := range files {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func read(dir string) (map[string][]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, entry := range entries {
		if files[entry.Name()], err = os.ReadFile(filepath.Join(dir, entry.Name())); err != nil {
			return nil, err
		}
	}
	return files, nil
}
