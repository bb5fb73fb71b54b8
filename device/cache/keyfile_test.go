package cache

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestAKeyFileIsItsOwnersAlone(t *testing.T) {
	path := filepath.Join(dir(t), keyFile)
	key := [32]byte{7, 8, 9}
	if err := writeKey(path, &key); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	if got, err := ReadKey(path); err != nil || *got != key {
		t.Errorf("another key was read: %v", err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o610, 0o601, 0o777} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadKey(path); !errors.Is(err, ErrKeyExposed) || !strings.Contains(err.Error(), "chmod 600 "+path) {
			t.Errorf("mode %v: %v", mode, err)
		}
	}
}

func TestEveryFlippedBitOfAKeyFileAndEveryWrongLengthIsNoticed(t *testing.T) {
	path := filepath.Join(dir(t), keyFile)
	for _, key := range [][32]byte{{}, {1, 2, 3}, [32]byte(slices.Repeat([]byte{0xff}, 32))} {
		if err := writeKey(path, &key); err != nil {
			t.Fatal(err)
		}
		whole := content(t, path)
		for bit := range 8 * len(whole) {
			write(t, path, flipped(whole, bit))
			if _, err := ReadKey(path); !errors.Is(err, ErrKeyDamaged) {
				t.Fatalf("bit %d: %v", bit, err)
			}
		}
		for n := range len(whole) {
			write(t, path, whole[:n])
			if _, err := ReadKey(path); !errors.Is(err, ErrKeyDamaged) {
				t.Fatalf("%d bytes: %v", n, err)
			}
		}
		write(t, path, append(whole[:len(whole):len(whole)], 0))
		if _, err := ReadKey(path); !errors.Is(err, ErrKeyDamaged) {
			t.Error("a byte too many: ", err)
		}
	}
}

func TestWhatIsNoKeyFileIsRefused(t *testing.T) {
	d := dir(t)
	if _, err := ReadKey(filepath.Join(d, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := ReadKey(d); err == nil {
		t.Error("a directory was taken for a key")
	}
}

func TestANewEpochWithADamagedKeyWaitsForTheKey(t *testing.T) {
	from, next := filled(5, 3), filled(6, 300)
	o := installed(t, from)
	c := open(t, o)
	key := [32]byte{66}
	if _, err := c.PutKey(6, &key); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(o.Dir, epochName(6)+newSuffix, keyFile)
	write(t, path, flipped(content(t, path), 100))
	manifest, chunks := split(t, next.snapshot())
	begin(t, c, manifest)
	if receive(t, c, chunks) {
		t.Fatal("switched to an epoch whose key is damaged")
	}
	holds(t, c, from, 10)
	if switched, err := c.PutKey(6, &key); !switched || err != nil {
		t.Fatal(switched, err)
	}
	holds(t, c, next, 10)
}
