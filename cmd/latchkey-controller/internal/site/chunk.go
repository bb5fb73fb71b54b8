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

// A snapshot is an open one.
type snapshot struct {
	place    wire.Place
	signed   []byte // the manifest
	manifest *wire.Manifest
	starts   []int64 // of the chunks, in the file
	file     *os.File
	checked  time.Time
}

// checkEvery is how often the chunks of a snapshot that is fetched from are
// checked: together, for all readers, and not each for each of them, who check
// what they get. A reader that gets a chunk which has changed on the disk asks
// again, and once that was found out for a snapshot that is made anew.
const checkInterval = time.Minute

// check reads all chunks.
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

// read reads chunks, in the order of their numbers, into their places: those
// that lie side by side at once.
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

// readInto reads size bytes from an offset on into several places.
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

// readSnapshot reads and checks what a snapshot begins with.
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
	snap := &snapshot{place: m.Place(), signed: manifest.Signed(), manifest: m, file: f}
	at := int64(len(signed))
	for i := range m.Chunks() {
		snap.starts = append(snap.starts, at)
		at += int64(m.ChunkLength(i))
	}
	if info, err := f.Stat(); err != nil || info.Size() != at {
		return nil, errors.New("snapshot: it does not end where its manifest says")
	}
	return snap, nil
}
