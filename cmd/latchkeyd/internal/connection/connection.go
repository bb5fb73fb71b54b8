// Package connection numbers the connections to the controller. The number is on the disk
// and only rises: the controller ignores messages with a lower one, which an earlier
// connection may have left behind.
package connection

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"latchkey/cmd/latchkeyd/internal/datadir"
	"latchkey/device/durable"
	"latchkey/sync/wire"
)

// A count is the file: the number of the newest connection, and the CRC-32C of its eight
// bytes, big-endian.
type count struct {
	_      struct{} `cbor:",toarray"`
	Number uint64
	Sum    uint32
}

var errDamaged = errors.New(datadir.Connection + " is damaged")

// afterLoss is added when the file is lost. The journal knows only the connections on which
// the controller has answered, and the time may be that of a board without a clock. The
// numbers before, which began with a time in Unix seconds, are all lower.
const afterLoss = 1 << 40

// Next returns the next number, higher than all before, and writes it to the data
// directory. answered is the highest on which the controller has answered, by the
// journal; built is a time in the past. An error means that the number could not be
// written; it can be used all the same.
func Next(dir string, answered uint64, built, now time.Time) (uint64, error) {
	clock := uint64(max(0, built.Unix(), now.Unix()))
	last, err := read(dir)
	if err != nil {
		last = max(answered, clock) + afterLoss
	}
	next := max(last+1, answered+1, clock)
	return next, write(dir, next)
}

// Begin makes the file of a reader that never had a connection, if there is none. From
// then on a missing file counts as lost.
func Begin(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, datadir.Connection)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return write(dir, 0)
}

func write(dir string, number uint64) error {
	return durable.WriteFile(filepath.Join(dir, datadir.Connection), wire.Marshal(count{Number: number, Sum: sumOf(number)}), 0o600)
}

func read(dir string) (uint64, error) {
	const most = 24
	b, err := datadir.Read(filepath.Join(dir, datadir.Connection), most)
	if err != nil {
		return 0, err
	}
	var kept count
	if err := wire.Unmarshal(b, most, &kept); err == nil && kept.Sum == sumOf(kept.Number) {
		return kept.Number, nil
	}
	var plain uint64 // as older versions wrote it, without a checksum
	if err := wire.Unmarshal(b, most, &plain); err == nil {
		return plain, nil
	}
	return 0, errDamaged
}

func sumOf(number uint64) uint32 {
	return crc32.Checksum(binary.BigEndian.AppendUint64(nil, number), crc32.MakeTable(crc32.Castagnoli))
}
