package cache

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"latchkey/sync/wire"
)

// ErrOlder says that what came is older than what is held, or no better.
var ErrOlder = fmt.Errorf("%w: it is older", wire.ErrUnfit)

// ErrUnasked says that a chunk is of no snapshot that is held or received, or
// is not that chunk.
var ErrUnasked = fmt.Errorf("%w: not a chunk that is wanted", wire.ErrUnfit)

// incoming is a snapshot on its way in.
type incoming struct {
	dir      string // where its file and, in the end, its epoch's files are
	file     *os.File
	sum      wire.Hash // SHA-256 of the signed manifest
	manifest *wire.Manifest
	offsets  []int64
	have     []bool
	left     int   // chunks that are missing
	ahead    int64 // bytes that the disk has not been told to write
}

// mostAhead is how many bytes of a snapshot may wait for the disk while it
// arrives. All of it in the end would hold up what the door waits for: a
// journal's fdatasync comes after it.
const mostAhead = 4 << 20

const incomingFile = "credentials" + newSuffix

func (in *incoming) missing(limit int) (chunks []int) {
	for i, have := range in.have {
		if !have && len(chunks) < limit {
			chunks = append(chunks, i)
		}
	}
	return chunks
}

func (c *Cache) dir(epoch uint64) string { return filepath.Join(c.o.Dir, epochName(epoch)) }

// epochDir returns where files of an epoch are put: its directory if it has one
// (it is held, or damaged), else the one that becomes it.
func (c *Cache) epochDir(epoch uint64) string {
	dir := c.dir(epoch)
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	return dir + newSuffix
}

// Begin prepares to receive the chunks of a manifest beside what is held; those
// that were received before, even before a restart, are kept. switched says that
// none was missing, and what is held has changed. The manifest of what is held,
// when a chunk of that is damaged, changes nothing: that chunk is wanted
// (Missing). ErrOlder: it would not take what is held further, nor put right
// what is damaged.
func (c *Cache) Begin(manifest *wire.VerifiedManifest) (switched bool, err error) {
	if err := manifest.By(c.o.Site, c.o.Controller); err != nil {
		return false, err
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	m, signed := manifest.Manifest(), manifest.Signed()
	if err := c.welcome(m); err != nil {
		return false, err
	}
	sum := wire.Sum(signed)
	if c.incoming != nil && c.incoming.sum == sum || c.lacksChunksOf(m) {
		return false, nil
	}
	dir := c.epochDir(m.Epoch)
	if err := c.fits(dir, signed, m); err != nil {
		if lack := (*NoRoomError)(nil); errors.As(err, &lack) {
			c.lacks(lack)
		}
		return false, err
	}
	if err := makeDir(dir); err != nil {
		return false, fmt.Errorf("receive a snapshot: %w", err)
	}
	in, err := openIncoming(dir, signed, m)
	if err != nil {
		return false, fmt.Errorf("receive a snapshot: %w", err)
	}
	c.abandon()
	c.incoming = in
	c.lacks(nil)
	return c.finish()
}

// Resume takes up a snapshot that was being received when the reader stopped,
// and says which; the zero wire.Position if there was none. switched is as in Begin.
func (c *Cache) Resume() (of wire.Position, switched bool, err error) {
	next, err := c.nextEpoch()
	if err != nil {
		return wire.Position{}, false, err
	}
	held, err := newestEpoch(c.o.Dir)
	if err != nil {
		return wire.Position{}, false, err
	}
	f, err := os.Open(filepath.Join(c.epochDir(max(next, held)), incomingFile))
	if errors.Is(err, fs.ErrNotExist) {
		return wire.Position{}, false, nil
	}
	if err != nil {
		return wire.Position{}, false, err
	}
	defer f.Close()
	manifest, err := readManifest(&c.o, f)
	if err != nil {
		return wire.Position{}, false, nil // it was not begun to its end
	}
	switched, err = c.Begin(manifest)
	if errors.Is(err, ErrOlder) {
		return wire.Position{}, false, nil
	}
	return manifest.Manifest().Position(), switched, err
}

// lacksChunksOf says that a manifest is that of what is held, of which nothing
// but chunks is damaged.
func (c *Cache) lacksChunksOf(m *wire.Manifest) bool {
	if c.held == nil || c.held.manifest.Position() != m.Position() || c.incoming != nil {
		return false
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.fault == nil && len(c.bad) > 0 && bytes.Equal(wire.Marshal(c.held.manifest), wire.Marshal(m))
}

// welcome says whether a snapshot is worth receiving.
func (c *Cache) welcome(m *wire.Manifest) error {
	v := c.held
	if v == nil {
		if m.Epoch < c.o.Highest.Epoch {
			return ErrOlder
		}
		return nil
	}
	held := v.position()
	c.mu.RLock()
	damaged := c.fault != nil || len(c.bad) > 0
	c.mu.RUnlock()
	switch {
	case m.Epoch != held.Epoch:
		if m.Epoch < held.Epoch {
			return ErrOlder
		}
		return nil
	case m.Revision > held.Revision:
		return nil
	case m.Revision == held.Revision:
		// The same place: a fork, or fewer deltas, or none that is damaged.
		if m.Hash != held.Hash || len(v.deltas) > 0 || damaged {
			return nil
		}
	case m.Revision > v.manifest.Revision || damaged:
		// Deltas that are held take it to the place held.
		if h, ok := v.hashAt(m.Revision); ok && h == m.Hash {
			return nil
		}
	}
	return ErrOlder
}

// openIncoming opens the file in which a snapshot arrives. If it is the one
// that was arriving before, the chunks in it are looked through.
func openIncoming(dir string, signed []byte, m *wire.Manifest) (*incoming, error) {
	f, err := os.OpenFile(filepath.Join(dir, incomingFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	in := &incoming{
		dir: dir, file: f, sum: wire.Sum(signed), manifest: m,
		offsets: offsets(m, len(signed)), have: make([]bool, m.Chunks()), left: m.Chunks(),
	}
	if err := in.allocate(); err != nil {
		f.Close()
		return nil, err
	}
	head := make([]byte, len(signed))
	if n, _ := f.ReadAt(head, 0); n == len(head) && bytes.Equal(head, signed) {
		in.recover()
		return in, nil
	}
	if _, err := f.WriteAt(signed, 0); err != nil {
		f.Close()
		return nil, err
	}
	return in, nil
}

// recover finds out which chunks are there.
func (in *incoming) recover() {
	b := make([]byte, wire.MaxChunk)
	for i := range in.have {
		b = b[:in.manifest.ChunkLength(i)]
		if _, err := in.file.ReadAt(b, in.offsets[i]); err == nil && in.manifest.CheckChunk(i, b) == nil {
			in.have[i] = true
			in.left--
		}
	}
}

// PutChunks stores chunks of the snapshot being received, or puts them right of
// the snapshot held. switched says that the last was among them, and what is
// held has changed. What can be stored is, whatever the error is of the others:
// ErrUnasked, or the disk's.
func (c *Cache) PutChunks(epoch, revision uint64, chunks []wire.ChunkPart) (switched bool, err error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	of := func(m *wire.Manifest) bool { return m.Epoch == epoch && m.Revision == revision }
	if in := c.incoming; in != nil && of(in.manifest) {
		err = in.put(chunks)
		switched, failed := c.finish()
		return switched, cmp.Or(failed, err)
	}
	if c.held == nil || !of(c.held.manifest) {
		return false, ErrUnasked
	}
	for _, part := range chunks {
		err = cmp.Or(err, c.repair(part))
	}
	return false, err
}

// put stores those of the chunks that are missing. Those that lie side by side
// are written at once: the fewer and longer the writes, the less of the
// processor a snapshot takes.
func (in *incoming) put(chunks []wire.ChunkPart) (err error) {
	var missing []wire.ChunkPart
	for _, part := range chunks {
		if !isChunk(in.manifest, part) {
			err = ErrUnasked
		} else if !in.have[part.Index] {
			missing = append(missing, part)
		}
	}
	for len(missing) > 0 {
		first := int(missing[0].Index)
		var parts [][]byte
		for len(missing) > 0 && int(missing[0].Index) == first+len(parts) {
			parts = append(parts, missing[0].Chunk)
			missing = missing[1:]
		}
		end := first + len(parts)
		if failed := writeParts(in.file, parts, in.offsets[first]); failed != nil {
			return fmt.Errorf("receive chunks from %d: %w", first, failed)
		}
		if in.ahead += in.offsets[end] - in.offsets[first]; in.ahead >= mostAhead {
			writeBack(in.file)
			in.ahead = 0
		}
		for i := first; i < end; i++ {
			if !in.have[i] {
				in.have[i] = true
				in.left--
			}
		}
	}
	return err
}

// isChunk says whether a part is the chunk of its number.
func isChunk(m *wire.Manifest, part wire.ChunkPart) bool {
	return uint64(part.Index) < uint64(m.Chunks()) && m.CheckChunk(int(part.Index), part.Chunk) == nil
}

// repair puts a chunk right of the snapshot held.
func (c *Cache) repair(part wire.ChunkPart) error {
	if !isChunk(c.held.manifest, part) {
		return ErrUnasked
	}
	i := int(part.Index)
	if err := c.held.repair(i, part.Chunk); err != nil {
		return fmt.Errorf("put chunk %d right: %w", i, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.bad, i)
	return nil
}

// repair writes a chunk over what is in its place. A look-up meanwhile may find
// it damaged still.
func (v *view) repair(i int, chunk []byte) error {
	if _, err := v.snapshot.WriteAt(chunk, v.offsets[i]); err != nil {
		return err
	}
	return datasync(v.snapshot.File)
}

// abandon gives up the snapshot being received; its file stays.
func (c *Cache) abandon() {
	if c.incoming != nil {
		c.incoming.file.Close()
		c.incoming = nil
	}
}
