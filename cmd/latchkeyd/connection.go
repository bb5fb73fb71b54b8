package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"
	"time"

	"latchkey/sync/wire"
)

// lostConnections is more than the connections on which no controller answered
// that lie between the newest one in the journal and the newest one of all.
const lostConnections = 1 << 20

// nextConnection returns the next number of a connection, higher than all
// before, and notes it durably. known is the newest one in the journal: should
// the file be lost or damaged, it is gone on from there, on a board without a
// clock too.
func nextConnection(dir string, known uint64, now time.Time) (uint64, error) {
	last, err := readConnection(dir)
	switch {
	case err == nil:
		last = max(last, known)
	case known != 0:
		last = known + lostConnections
	}
	next := max(last+1, uint64(max(0, now.Unix())))
	if next > wire.MaxNumber {
		return 0, errors.New("there is no higher number of a connection: make the reader new")
	}
	b := binary.BigEndian.AppendUint64(nil, next)
	return next, writeFile(dir, connectionFile, binary.BigEndian.AppendUint32(b, connectionSum(b)))
}

// readConnection reads the number of the newest connection: 8 bytes,
// big-endian, and their CRC-32C.
func readConnection(dir string) (uint64, error) {
	b, err := readBounded(filepath.Join(dir, connectionFile), 12)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	if err != nil || len(b) != 12 || binary.BigEndian.Uint32(b[8:]) != connectionSum(b[:8]) {
		return 0, fmt.Errorf("%s is damaged", connectionFile)
	}
	return binary.BigEndian.Uint64(b), nil
}

func connectionSum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }
