package main

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"latchkey/sync/wire"
)

// A connectionCount is the number of the newest connection as it is kept, with the CRC-32C
// of its eight bytes, big-endian.
type connectionCount struct {
	_      struct{} `cbor:",toarray"`
	Number uint64
	Sum    uint32
}

var errConnectionDamaged = errors.New(connectionFile + " is damaged")

// afterLoss is added where the file is lost: to what the journal says, which knows only
// those connections on which the controller has answered, or else to the time, which may
// be that of a board without a clock. What was counted before, from a time in Unix
// seconds on, is below.
const afterLoss = 1 << 40

// nextConnection returns the next number of a connection, higher than all before, and
// notes it durably: the controller hears no lower one. answered is the highest on which
// it has answered, as the journal says; built is a time that is over.
func nextConnection(dir string, answered uint64, built, now time.Time) (uint64, error) {
	clock := uint64(max(0, built.Unix(), now.Unix()))
	last, err := readConnection(dir)
	if err != nil {
		last = max(answered, clock) + afterLoss
	}
	next := max(last+1, answered+1, clock)
	return next, writeConnection(dir, next)
}

// beginConnections makes the file of a reader that never had a connection, if there is
// none: a missing one is one that was lost.
func beginConnections(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, connectionFile)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return writeConnection(dir, 0)
}

func writeConnection(dir string, number uint64) error {
	return writeFile(dir, connectionFile, wire.Marshal(connectionCount{Number: number, Sum: sumOf(number)}))
}

func readConnection(dir string) (uint64, error) {
	const most = 24
	b, err := readBounded(filepath.Join(dir, connectionFile), most)
	if err != nil {
		return 0, err
	}
	var count connectionCount
	if err := wire.Unmarshal(b, most, &count); err == nil && count.Sum == sumOf(count.Number) {
		return count.Number, nil
	}
	var plain uint64 // as it was written before it had a checksum
	if err := wire.Unmarshal(b, most, &plain); err == nil {
		return plain, nil
	}
	return 0, errConnectionDamaged
}

func sumOf(number uint64) uint32 {
	return crc32.Checksum(binary.BigEndian.AppendUint64(nil, number), crc32.MakeTable(crc32.Castagnoli))
}
