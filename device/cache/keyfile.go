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

// A key file is the 32 bytes of an epoch's site key and their CRC-32C, big endian: only
// that tells a damaged key from one that matches no PIN and no card.
const keyFileSize = keySize + 4

const keySize = 32

// Errors of ReadKey.
var (
	ErrKeyDamaged = errors.New("the key file is damaged: the controller sends the key again; without a link, have the reader adopted again")
	ErrKeyExposed = errors.New("others can read the key file")
)

// ReadKey reads a key file. The error wraps ErrKeyExposed if anybody but its owner may
// read it, and ErrKeyDamaged if its checksum does not match. The caller wipes the key.
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

// writeKey replaces a key file unless it already holds this key.
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
