package cache

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/sync/wire"
)

func TestAKeyFileIsItsOwnersAlone(t *testing.T) {
	path := filepath.Join(dir(t), keyFile)
	if err := writeKey(path, keysOf(7)); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	holdsKeys(t, path, keysOf(7))
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o610, 0o601, 0o777} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadKey(path); !errors.Is(err, ErrKeyExposed) || !strings.Contains(err.Error(), "chmod 600 "+path) {
			t.Errorf("mode %v: %v", mode, err)
		}
	}
}

// fileOf returns the content of a key file.
func fileOf(t testing.TB, keys *wire.EpochKeys) []byte {
	t.Helper()
	path := filepath.Join(dir(t), keyFile)
	if err := writeKey(path, keys); err != nil {
		t.Fatal(err)
	}
	return content(t, path)
}

// oldFile returns the content of a key file of an earlier version, the key all b.
func oldFile(b byte) []byte {
	key := bytes.Repeat([]byte{b}, 32)
	return binary.BigEndian.AppendUint32(key, crc32.Checksum(key, crc32.MakeTable(crc32.Castagnoli)))
}

func TestAKeyFileOfAnEarlierVersionHasTheSameKeyForBoth(t *testing.T) {
	path := filepath.Join(dir(t), keyFile)
	write(t, path, oldFile(9))
	key := bytes.Repeat([]byte{9}, 32)
	holdsKeys(t, path, &wire.EpochKeys{PIN: key, Card: key})
	// Whatever the controller sends is newer.
	if err := writeKey(path, keysOf(5)); err != nil {
		t.Fatal(err)
	}
	holdsKeys(t, path, keysOf(5))
}

func TestKeysOfEachKindAreReadAsTheyWereWritten(t *testing.T) {
	withheld := keysOf(5)
	withheld.PIN = nil
	for _, keys := range []*wire.EpochKeys{keysOf(5), withheld, tpmKeys(600)} {
		path := filepath.Join(dir(t), keyFile)
		if err := writeKey(path, keys); err != nil {
			t.Fatal(err)
		}
		holdsKeys(t, path, keys)
	}
}

func TestOlderKeysDoNotReplaceNewerOnesAndTheSameAreNotWritten(t *testing.T) {
	o := installed(t, filled(5, 3))
	c := open(t, o)
	path := filepath.Join(o.Dir, epochName(5), keyFile)
	var before os.FileInfo
	for _, step := range []struct {
		name   string
		keys   *wire.EpochKeys
		want   error
		number uint64
		writes bool
	}{
		{"newer ones", numbered(5, 4), nil, 4, true},
		{"the same", numbered(5, 4), nil, 4, false},
		{"older ones", numbered(5, 3), ErrOlder, 4, false},
		{"those of a TPM", tpmKeys(5), nil, 5, true},
		{"the same again", tpmKeys(5), nil, 5, false},
		{"older ones in the clear", numbered(5, 4), ErrOlder, 5, false},
		{"newer ones in the clear", numbered(5, 6), nil, 6, true},
	} {
		if switched, err := c.PutKey(5, step.keys); switched || !errors.Is(err, step.want) {
			t.Errorf("%s: %t, %v", step.name, switched, err)
		}
		after, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if keys, err := ReadKey(path); err != nil || keys.Number != step.number {
			t.Errorf("%s: holds %+v, %v", step.name, keys, err)
		}
		if before != nil && os.SameFile(before, after) == step.writes {
			t.Errorf("%s: written is %t", step.name, !step.writes)
		}
		before = after
	}
	// So it is with a new epoch's, before its snapshot is there.
	for _, number := range []uint64{2, 1, 2} {
		if switched, err := c.PutKey(6, numbered(6, number)); switched || errors.Is(err, ErrOlder) != (number == 1) {
			t.Errorf("number %d of a new epoch: %t, %v", number, switched, err)
		}
	}
	holdsKeys(t, filepath.Join(o.Dir, epochName(6)+newSuffix, keyFile), numbered(6, 2))
}

func TestEveryFlippedBitOfAKeyFileAndEveryWrongLengthIsNoticed(t *testing.T) {
	path := filepath.Join(dir(t), keyFile)
	withheld := keysOf(3)
	withheld.PIN = nil
	for _, whole := range [][]byte{fileOf(t, keysOf(0)), fileOf(t, keysOf(255)), fileOf(t, withheld), fileOf(t, tpmKeys(5)), oldFile(0), oldFile(0xff)} {
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
	key := keysOf(66)
	if _, err := c.PutKey(6, key); err != nil {
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
	if switched, err := c.PutKey(6, key); !switched || err != nil {
		t.Fatal(switched, err)
	}
	holds(t, c, next, 10)
}

func TestKeysOfTheHeldEpochAreReplacedBesideAnOpenCache(t *testing.T) {
	o := installed(t, filled(5, 3))
	open(t, o)
	path := filepath.Join(o.Dir, epochName(5), keyFile)
	for _, step := range []struct {
		name     string
		epoch    uint64
		keys     *wire.EpochKeys
		replaced bool
		want     error
		number   uint64
	}{
		{"newer ones", 5, numbered(5, 4), true, nil, 4},
		{"the same", 5, numbered(5, 4), false, nil, 4},
		{"older ones", 5, numbered(5, 3), false, ErrOlder, 4},
		{"those of a later epoch", 6, numbered(6, 9), false, ErrEpoch, 4},
		{"those of an earlier epoch", 4, numbered(4, 9), false, ErrEpoch, 4},
		{"those of a TPM", 5, tpmKeys(5), true, nil, 5},
	} {
		if replaced, err := ReplaceKey(o, step.epoch, step.keys); replaced != step.replaced || !errors.Is(err, step.want) {
			t.Errorf("%s: %t, %v", step.name, replaced, err)
		}
		if keys, err := ReadKey(path); err != nil || keys.Number != step.number {
			t.Errorf("%s: holds %+v, %v", step.name, keys, err)
		}
	}
	for _, epoch := range []uint64{4, 6} {
		if _, err := os.Stat(filepath.Join(o.Dir, epochName(epoch)+newSuffix)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("something is begun of epoch %d: %v", epoch, err)
		}
	}
	write(t, path, []byte("damaged"))
	if replaced, err := ReplaceKey(o, 5, numbered(5, 1)); !replaced || err != nil {
		t.Errorf("a damaged file: %t, %v", replaced, err)
	}
}
