package journal

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"latchkey/sync/wire"
)

// segment is what the journal remembers of a segment.
type segment struct {
	first  uint64    // number of its first record, a checkpoint
	before wire.Hash // of record first-1; zero if first is 1, or if the header cannot be read
	count  uint64    // records in it; for the newest, see Journal.held
	bytes  int64     // of its file; for the newest, see Journal.held
	thin   bool      // it holds no expendable records, or not any more
}

// A segment's header is
//
//	[8]byte   magic
//	[16]byte  journal id
//	uint64    number of the first record
//	[32]byte  hash of the record before it
//	uint64    0, or if records were dropped from it: 1 + how many are left
//	uint32    CRC-32C of the above
//
// in big-endian order.
type header struct {
	id     wire.JournalID
	first  uint64
	before wire.Hash
	kept   uint64 // 0: whole; else 1 + how many records are left
}

const magic = "LKjrnl1\n"

const headerSize = 8 + 16 + 8 + 32 + 8 + 4

func (h *header) encode() []byte {
	b := append([]byte(magic), h.id[:]...)
	b = binary.BigEndian.AppendUint64(b, h.first)
	b = append(b, h.before[:]...)
	b = binary.BigEndian.AppendUint64(b, h.kept)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func decodeHeader(b []byte) (h header, err error) {
	body := headerSize - 4
	switch {
	case len(b) != headerSize || !bytes.HasPrefix(b, []byte(magic)):
		return h, errors.New("not a segment of a journal")
	case crc32.Checksum(b[:body], castagnoli) != binary.BigEndian.Uint32(b[body:]):
		return h, errors.New("the checksum of the header does not match")
	}
	h.id = wire.JournalID(b[8:])
	h.first = binary.BigEndian.Uint64(b[24:])
	h.before = wire.Hash(b[32:])
	h.kept = binary.BigEndian.Uint64(b[64:])
	return h, nil
}

func readHeader(f *os.File) (header, error) {
	b := make([]byte, headerSize)
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, headerSize), b); err != nil {
		return header{}, err
	}
	return decodeHeader(b)
}

const (
	segmentSuffix = ".segment"
	newSuffix     = ".new" // while it is written
)

func segmentName(first uint64) string { return fmt.Sprintf("%020d%s", first, segmentSuffix) }

// segmentFirst returns the number in a segment's name.
func segmentFirst(name string) (first uint64, ok bool) {
	digits, found := strings.CutSuffix(name, segmentSuffix)
	first, err := strconv.ParseUint(digits, 10, 64)
	return first, found && err == nil && first > 0 && segmentName(first) == name
}

func (j *Journal) path(name string) string { return filepath.Join(j.o.Dir, name) }

// scanner reads the records of one segment and checks their chain.
type scanner struct {
	file   *os.File
	header header
	frames frames
	number uint64    // of the next record; if some were dropped, the least it may be
	before wire.Hash // of record number-1
	count  uint64    // records read
	broken bool      // the last error was that of a frame, not of the record in it
}

// scan opens the segment that begins with record first. It reads at most limit bytes
// of its frames.
func (j *Journal) scan(first uint64, limit int64) (*scanner, error) {
	f, err := os.Open(j.path(segmentName(first)))
	if err != nil {
		return nil, err
	}
	s := &scanner{file: f}
	s.header, err = readHeader(f)
	switch {
	case err != nil:
	case s.header.first != first:
		err = fmt.Errorf("begins with record %d", s.header.first)
	case s.header.id != j.id && j.id != wire.JournalID{}:
		err = errors.New("of another journal")
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	s.number, s.before = first, s.header.before
	s.seek(headerSize, limit)
	return s, nil
}

func (s *scanner) seek(offset, limit int64) {
	s.frames = frames{bufio.NewReaderSize(io.NewSectionReader(s.file, offset, limit-offset), 16<<10), offset}
}

func (s *scanner) close() { s.file.Close() }

// ended says whether err is the end of a segment from which records were dropped.
func (s *scanner) ended(err error) bool {
	return err == io.EOF && s.header.kept == s.count+1
}

// next returns the next record. Errors are those of frames.next, or say how the record
// does not continue the chain.
func (s *scanner) next() (e wire.StoredRecord, r *wire.Record, more bool, err error) {
	b, more, err := s.frames.next()
	if err != nil {
		s.broken = true
		return e, nil, false, err
	}
	if r, err = wire.ParseRecord(b); err != nil {
		return e, nil, false, err
	}
	switch {
	case r.Number != s.number && (s.header.kept == 0 || r.Number < s.number):
		return e, nil, false, fmt.Errorf("record %d instead of record %d", r.Number, s.number)
	case r.Number == s.number && r.Before != s.before:
		return e, nil, false, fmt.Errorf("record %d does not continue the chain", r.Number)
	case (r.Number == s.header.first) != (r.Kind == wire.Checkpoint):
		return e, nil, false, fmt.Errorf("record %d is a %.32q", r.Number, r.Kind)
	}
	e = wire.StoredRecord{Number: r.Number, Hash: wire.Sum(b), Encoded: b}
	s.number, s.before = e.Number+1, e.Hash
	s.count++
	return e, r, more, nil
}
