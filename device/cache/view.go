package cache

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"sync/atomic"

	"latchkey/sync/wire"
)

// The files of an epoch.
const (
	keyFile         = "key"
	credentialsFile = "credentials.cbor"
	deltasFile      = "deltas.cbor"
)

// view is the open files of an epoch, with the manifest's tables and the positions of
// the changes since in memory. Apply changes it under Cache.mu.
type view struct {
	dir string // of the epoch

	manifest *wire.Manifest
	snapshot *shared
	sum      wire.Hash // SHA-256 of the signed manifest
	offsets  []int64   // of the chunks in the file, and of its end

	log     *shared             // deltas.cbor; nil: there is none
	end     int64               // of its good part
	deltas  []delta             // in it
	overlay map[wire.Tag]change // what the deltas change
	before  wire.Hash           // SHA-256 of the payload of the delta that ends at the position held, if known
	damage  error               // what is wrong after end
	stale   bool                // a write failed: the log must be copied before it is written
}

// delta is the end of a delta in the log.
type delta struct {
	to   uint64
	hash wire.Hash
	end  int64
}

// shared is a file that its last user closes.
type shared struct {
	*os.File
	users atomic.Int64
}

func share(f *os.File) *shared {
	s := &shared{File: f}
	s.users.Store(1)
	return s
}

func (s *shared) acquire() *shared {
	s.users.Add(1)
	return s
}

func (s *shared) release() {
	if s.users.Add(-1) == 0 {
		s.File.Close()
	}
}

func (v *view) release() {
	v.snapshot.release()
	if v.log != nil {
		v.log.release()
	}
}

// position returns the position in the log that the view answers for.
func (v *view) position() wire.Position {
	if n := len(v.deltas); n > 0 && v.deltas[n-1].to > v.manifest.Revision {
		return wire.Position{Epoch: v.manifest.Epoch, Revision: v.deltas[n-1].to, Hash: v.deltas[n-1].hash}
	}
	return v.manifest.Position()
}

// openView opens an epoch's snapshot and deltas.
func openView(o *Options, epoch uint64) (*view, error) {
	v := &view{dir: filepath.Join(o.Dir, epochName(epoch))}
	f, err := openFile(filepath.Join(v.dir, credentialsFile))
	if err != nil {
		return nil, err
	}
	manifest, err := readManifest(o, f)
	if err == nil && manifest.Manifest().Epoch != epoch {
		err = fmt.Errorf("manifest of epoch %d", manifest.Manifest().Epoch)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", credentialsFile, err)
	}
	v.manifest, v.snapshot, v.sum = manifest.Manifest(), share(f), wire.Sum(manifest.Signed())
	v.offsets = offsets(v.manifest, len(manifest.Signed()))
	if err := v.openLog(o); err != nil {
		v.release()
		return nil, fmt.Errorf("%s: %w", deltasFile, err)
	}
	return v, nil
}

// readManifest reads and verifies the signed manifest at the beginning of a snapshot.
func readManifest(o *Options, f *os.File) (*wire.VerifiedManifest, error) {
	head := make([]byte, envelopeHead)
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, math.MaxInt64), head); err != nil {
		return nil, err
	}
	length, err := signedLength(head)
	if err != nil {
		return nil, err
	}
	if length > wire.MaxManifest+envelopeHead+signatureTail {
		return nil, fmt.Errorf("manifest of %d bytes", length)
	}
	signed := make([]byte, length)
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, math.MaxInt64), signed); err != nil {
		return nil, err
	}
	return wire.OpenManifest(o.Site, signed, o.Controller)
}

// A signed message begins with seven constant bytes and the head of its payload, a byte
// string. It ends with the head of the signature and its 64 bytes. Package wire checks
// all of them.
const (
	envelopeStart = 7
	envelopeHead  = envelopeStart + 5
	signatureTail = 2 + 64
)

// signedLength returns the length of a signed message from its first envelopeHead bytes.
func signedLength(head []byte) (int, error) {
	size := head[envelopeStart:]
	switch size[0] {
	case 0x58:
		return envelopeStart + 2 + int(size[1]) + signatureTail, nil
	case 0x59:
		return envelopeStart + 3 + int(size[1])<<8 + int(size[2]) + signatureTail, nil
	case 0x5a:
		return envelopeStart + 5 + int(size[1])<<24 + int(size[2])<<16 + int(size[3])<<8 + int(size[4]) + signatureTail, nil
	}
	return 0, errors.New("not a signed message")
}

// offsets returns where each chunk begins after a signed manifest of this length, and
// where the last one ends.
func offsets(m *wire.Manifest, signed int) []int64 {
	offsets := make([]int64, m.Chunks()+1)
	offsets[0] = int64(signed)
	for i := range m.Chunks() {
		offsets[i+1] = offsets[i] + int64(m.ChunkLength(i))
	}
	return offsets
}
