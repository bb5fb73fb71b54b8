package vault

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func private(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func create(t *testing.T, dir string) *Vault {
	t.Helper()
	v, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestWhatWasSealedOpensInItsPlaceOnly(t *testing.T) {
	v := create(t, private(t))
	secret := []byte("a secret of some length")
	sealed := v.Seal("pin", 7, secret)
	if got, err := v.Unseal("pin", 7, sealed); err != nil || !bytes.Equal(got, secret) {
		t.Fatalf("%q, %v", got, err)
	}
	if bytes.Contains(sealed, secret[:4]) || bytes.Equal(sealed, v.Seal("pin", 7, secret)) {
		t.Error("the secret shows")
	}
	damaged := bytes.Clone(sealed)
	damaged[30] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another id":      func() ([]byte, error) { return v.Unseal("pin", 8, sealed) },
		"another purpose": func() ([]byte, error) { return v.Unseal("card", 7, sealed) },
		"another vault":   func() ([]byte, error) { return create(t, private(t)).Unseal("pin", 7, sealed) },
		"damage":          func() ([]byte, error) { return v.Unseal("pin", 7, damaged) },
		"a truncation":    func() ([]byte, error) { return v.Unseal("pin", 7, sealed[:20]) },
		"nothing":         func() ([]byte, error) { return v.Unseal("pin", 7, nil) },
	} {
		if got, err := open(); err == nil || got != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestAStorageKeyIsMadeOnce(t *testing.T) {
	dir := private(t)
	sealed := create(t, dir).Seal("pin", 1, []byte("secret"))
	if _, err := create(t, dir).Unseal("pin", 1, sealed); err != nil {
		t.Errorf("a second Create made another key: %v", err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
	info, err := os.Stat(filepath.Join(dir, KeyFile))
	if err != nil || info.Mode() != 0o600 || info.Size() != 32 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestAKeyThatOthersCanReadIsRefused(t *testing.T) {
	dir := private(t)
	create(t, dir)
	key := filepath.Join(dir, KeyFile)
	for path, modes := range map[string][]os.FileMode{dir: {0o700, 0o755, 0o710, 0o701}, key: {0o600, 0o640, 0o604, 0o620}} {
		for _, mode := range modes[1:] {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "chmod") {
				t.Errorf("%s with mode %o: %v", path, mode, err)
			}
		}
		if err := os.Chmod(path, modes[0]); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); err != nil {
			t.Errorf("%s with mode %o: %v", path, modes[0], err)
		}
	}
}

func TestAMissingOrDamagedKeySaysSo(t *testing.T) {
	dir := private(t)
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "backup") {
		t.Errorf("missing: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, KeyFile), make([]byte, 31), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("short: %v", err)
	}
}

func TestANewKeyTidiesAwayUnfinishedOnes(t *testing.T) {
	dir := private(t)
	unfinished := filepath.Join(dir, nextFile+".new-1")
	if err := os.WriteFile(unfinished, make([]byte, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Next(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(unfinished); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
