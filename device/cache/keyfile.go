package cache

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"latchkey/device/durable"
)

// A key file is the 32 bytes of an epoch's site key and their CRC-32C, big
// endian: nothing else tells a damaged key from one that no PIN and no card
// belongs to.
const keyFileSize = keySize + 4

const keySize = 32

// Errors of ReadKey.
var (
	ErrKeyDamaged = errors.New("the key file is damaged: the controller gives the key anew; without a link, have the reader adopted anew")
	ErrKeyExposed = errors.New("others can read the key file")
)

// ReadKey reads a key file, which nobody but its owner may be able to read. The
// error wraps ErrKeyExposed if others can, and ErrKeyDamaged if it is not what
// was written. The caller wipes the key.
func ReadKey(path string) (*[keySize]byte, error) {
	key, err := readKey(path)
	if err != nil {
		return nil, fmt.Errorf("site key: %w", err)
	}
	return key, nil
}

func readKey(path string) (*[keySize]byte, error) {
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
	if info.Size() != keyFileSize {
		return nil, ErrKeyDamaged
	}
	var b [keyFileSize]byte
	defer clear(b[:])
	if _, err := io.ReadFull(f, b[:]); err != nil {
		return nil, err
	}
	key := [keySize]byte(b[:])
	if keySum(&key) != binary.BigEndian.Uint32(b[keySize:]) {
		clear(key[:])
		return nil, ErrKeyDamaged
	}
	return &key, nil
}

// writeKey replaces a key file, if it is not what it should be.
func writeKey(path string, key *[keySize]byte) error {
	if isKey(path, key) {
		return nil
	}
	b := binary.BigEndian.AppendUint32(bytes.Clone(key[:]), keySum(key))
	defer clear(b)
	return durable.WriteFile(path, b, 0o600)
}

// isKey says whether a key file holds that key.
func isKey(path string, key *[keySize]byte) bool {
	held, err := readKey(path)
	if err != nil {
		return false
	}
	defer clear(held[:])
	return *held == *key
}

func keySum(key *[keySize]byte) uint32 {
	return crc32.Checksum(key[:], crc32.MakeTable(crc32.Castagnoli))
}
