package cache

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"latchkey/device/durable"
	"latchkey/sync/wire"
)

// A key file is the encoded wire.EpochKeys and the CRC-32C of that, big endian: only
// that tells a damaged key from one that matches no PIN and no card. A file of an earlier
// version has 32 bytes before its CRC, fewer than any encoding; they are the PIN key and the
// card key at once.
const (
	maxKeyFile = wire.MaxEpochKeys + 4
	oldKeyFile = 32 + 4
)

// Errors of ReadKey.
var (
	ErrKeyDamaged = errors.New("the key file is damaged: the controller sends the key again; without a link, have the reader adopted again")
	ErrKeyExposed = errors.New("others can read the key file")
)

// ReadKey reads a key file. The error wraps ErrKeyExposed if anybody but its owner may
// read it, and ErrKeyDamaged if its checksum does not match. The caller wipes the keys.
func ReadKey(path string) (*wire.EpochKeys, error) {
	keys, err := readKey(path)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	return keys, nil
}

func readKey(path string) (*wire.EpochKeys, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: have the controller start a new epoch; to go on with this key, if you are sure that nobody read it, run: chmod 600 %s", ErrKeyExposed, path)
	}
	if info.Size() < 4 || info.Size() > maxKeyFile {
		return nil, ErrKeyDamaged
	}
	b := make([]byte, info.Size())
	defer clear(b)
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, err
	}
	encoded, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if keySum(encoded) != sum {
		return nil, ErrKeyDamaged
	}
	if len(b) == oldKeyFile {
		return &wire.EpochKeys{PIN: bytes.Clone(encoded), Card: bytes.Clone(encoded)}, nil
	}
	var keys wire.EpochKeys
	if err := wire.Unmarshal(encoded, wire.MaxEpochKeys, &keys); err != nil {
		return nil, ErrKeyDamaged
	}
	return &keys, nil
}

// ReplaceKey stores keys of the epoch that is held, and returns whether they are others than
// before. It touches nothing else: the cache may be open, here or in another process. The
// error wraps ErrEpoch if another epoch is held, and ErrOlder if newer keys of it are.
func ReplaceKey(o Options, epoch uint64, keys *wire.EpochKeys) (replaced bool, err error) {
	held, err := newestEpoch(o.Dir, "")
	if err == nil && held != epoch {
		err = fmt.Errorf("epoch %d is held: %w", held, ErrEpoch)
	}
	if err != nil {
		return false, fmt.Errorf("store a key of epoch %d: %w", epoch, err)
	}
	path := filepath.Join(o.Dir, epochName(epoch), keyFile)
	before, _ := os.Stat(path)
	if err := writeKey(path, keys); err != nil {
		return false, fmt.Errorf("store a key of epoch %d: %w", epoch, err)
	}
	after, err := os.Stat(path)
	return err == nil && !os.SameFile(before, after), err
}

// writeKey replaces a key file unless it already holds these keys. The error wraps
// ErrOlder if it holds newer ones.
func writeKey(path string, keys *wire.EpochKeys) error {
	b := keys.Encode()
	defer clear(b)
	if held, err := readKey(path); err == nil {
		defer held.Wipe()
		if held.Number > keys.Number {
			return fmt.Errorf("keys: %w", ErrOlder)
		}
		same := held.Encode()
		defer clear(same)
		if bytes.Equal(same, b) {
			return nil
		}
	}
	return durable.WriteFile(path, binary.BigEndian.AppendUint32(b, keySum(b)), 0o600)
}

func keySum(encoded []byte) uint32 {
	return crc32.Checksum(encoded, crc32.MakeTable(crc32.Castagnoli))
}
