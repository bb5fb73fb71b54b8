package site

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"latchkey/sync/wire"
)

// A snapshot is an open snapshot file.
type snapshot struct {
	position wire.Position
	signed   []byte // the manifest
	manifest *wire.Manifest
	starts   []int64 // of the chunks, in the file
	file     *os.File
	checked  time.Time
}

// checkInterval is how often the chunks of a snapshot in use are checked, once for
// all readers. Readers check each chunk themselves; one that finds a damaged chunk
// asks again, and gets a new snapshot once the check has found the damage.
const checkInterval = time.Minute

// check reads and checks all chunks.
func (s *snapshot) check() error {
	b := make([]byte, wire.MaxChunk)
	for i := range s.manifest.Chunks() {
		b = b[:s.manifest.ChunkLength(i)]
		if _, err := s.file.ReadAt(b, s.starts[i]); err != nil {
			return fmt.Errorf("snapshot: chunk %d: %w", i, err)
		}
		if s.manifest.CheckChunk(i, b) != nil {
			return fmt.Errorf("snapshot: chunk %d is damaged", i)
		}
	}
	return nil
}

// read reads chunks, in ascending order, into places; adjacent chunks in one call.
func (s *snapshot) read(chunks []uint32, places [][]byte) error {
	for len(chunks) > 0 {
		n, size := 1, len(places[0])
		for n < len(chunks) && chunks[n] == chunks[n-1]+1 {
			size += len(places[n])
			n++
		}
		if err := readInto(s.file, places[:n], size, s.starts[chunks[0]]); err != nil {
			return fmt.Errorf("snapshot: chunks from %d: %w", chunks[0], err)
		}
		chunks, places = chunks[n:], places[n:]
	}
	return nil
}

// readInto reads size bytes from an offset into several places.
func readInto(f *os.File, places [][]byte, size int, offset int64) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var n int
	failed := conn.Control(func(fd uintptr) { n, err = unix.Preadv(int(fd), places, offset) })
	if err = cmp.Or(failed, err); err == nil && n < size {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// readSnapshot reads and checks a snapshot's manifest.
func (s *Site) readSnapshot(f *os.File) (*snapshot, error) {
	head := make([]byte, wire.MaxManifest+256)
	n, err := f.ReadAt(head, 0)
	if n == 0 {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	signed, _, err := wire.Next(head[:n]) // what follows may be cut off
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	manifest, err := wire.OpenManifest(s.ID, bytes.Clone(signed), s.Key())
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	m := manifest.Manifest()
	snap := &snapshot{position: m.Position(), signed: manifest.Signed(), manifest: m, file: f}
	at := int64(len(signed))
	for i := range m.Chunks() {
		snap.starts = append(snap.starts, at)
		at += int64(m.ChunkLength(i))
	}
	if info, err := f.Stat(); err != nil || info.Size() != at {
		return nil, errors.New("snapshot: its size does not match its manifest")
	}
	return snap, nil
}
