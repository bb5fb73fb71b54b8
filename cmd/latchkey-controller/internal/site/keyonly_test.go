package site

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/store"
)

func TestADirectoryThatLostItsDatabaseIsNoNewSite(t *testing.T) {
	s, dir := newSite(t)
	s.Close()
	for _, name := range []string{store.AddressFile, store.File} {
		os.Remove(filepath.Join(dir, name))
	}
	for _, make := range []func() (*Site, error){
		func() (*Site, error) { return Open(t.Context(), dir) },
		func() (*Site, error) { return Create(t.Context(), dir, "", "home", "UTC", clock.Read()) },
		func() (*Site, error) {
			return Create(t.Context(), dir, postgrestest.Database(t), "home", "UTC", clock.Read())
		},
	} {
		if _, err := make(); err == nil || !strings.Contains(err.Error(), "has the storage key of a site, but not its database") {
			t.Errorf("%v", err)
		}
	}
	for _, name := range []string{store.AddressFile, store.File} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s is there", name)
		}
	}
}
