package cache

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"latchkey/device/durable"
	"latchkey/sync/wire"
)

// ErrOlder says that what came is older than what is held, or no better.
var ErrOlder = fmt.Errorf("%w: it is older", wire.ErrUnfit)

// ErrUnasked says that a chunk is not one that is wanted.
var ErrUnasked = fmt.Errorf("%w: not a chunk that is wanted", wire.ErrUnfit)

// incoming is a snapshot that is being received.
type incoming struct {
	dir      string // of its epoch: epoch-N or epoch-N.new
	file     *os.File
	sum      wire.Hash // SHA-256 of the signed manifest
	manifest *wire.Manifest
	offsets  []int64
	have     []bool
	left     int   // chunks that are missing
	ahead    int64 // bytes since the last writeBack
}

// mostAhead is how many bytes of a snapshot may wait to be written back. Without that
// bound a journal's fdatasync, and with it the door, would wait for a whole snapshot.
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

// epochDir returns the directory for new files of an epoch: its own if it has one,
// otherwise the one that will be renamed to it.
func (c *Cache) epochDir(epoch uint64) string {
	dir := c.dir(epoch)
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	return dir + newSuffix
}

// Begin prepares to receive the snapshot of a manifest beside what is held. It keeps
// chunks that were received before, even before a restart. switched says that none was
// missing, and that this snapshot is now held. If the manifest is that of the snapshot
// held, and only chunks of that are damaged, those are wanted (Missing) and Begin does
// nothing. ErrOlder: the snapshot would neither advance nor repair what is held.
func (c *Cache) Begin(manifest *wire.VerifiedManifest) (switched bool, err error) {
	if err := manifest.By(c.o.Site, c.o.Controller); err != nil {
		return false, err
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	m, signed := manifest.Manifest(), manifest.Signed()
	if !c.wants(m) {
		return false, ErrOlder
	}
	sum := wire.Sum(signed)
	if c.incoming != nil && c.incoming.sum == sum || c.lacksChunksOf(m) {
		return false, nil
	}
	dir := c.epochDir(m.Epoch)
	if err := c.fits(dir, signed, m); err != nil {
		c.noteRoom(err)
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
	c.noteRoom(nil)
	return c.finish()
}

// Resume continues to receive a snapshot after a restart. It returns which, the zero
// wire.Position if there is none. switched is as in Begin.
func (c *Cache) Resume() (of wire.Position, switched bool, err error) {
	next, err := newestEpoch(c.o.Dir, newSuffix)
	if err != nil {
		return of, false, err
	}
	held, err := newestEpoch(c.o.Dir, "")
	if err != nil {
		return of, false, err
	}
	f, err := os.Open(filepath.Join(c.epochDir(max(next, held)), incomingFile))
	if errors.Is(err, fs.ErrNotExist) {
		return of, false, nil
	}
	if err != nil {
		return of, false, err
	}
	defer f.Close()
	manifest, err := readManifest(&c.o, f)
	if err != nil {
		return of, false, nil // its manifest was not written to the end
	}
	switched, err = c.Begin(manifest)
	if errors.Is(err, ErrOlder) {
		return of, false, nil
	}
	return manifest.Manifest().Position(), switched, err
}

// lacksChunksOf says that a manifest is that of the snapshot held, of which only chunks
// are damaged.
func (c *Cache) lacksChunksOf(m *wire.Manifest) bool {
	if c.held == nil || c.held.manifest.Position() != m.Position() || c.incoming != nil {
		return false
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.fault == nil && len(c.bad) > 0 && bytes.Equal(wire.Marshal(c.held.manifest), wire.Marshal(m))
}

// wants says whether a snapshot would advance or repair what is held.
func (c *Cache) wants(m *wire.Manifest) bool {
	v := c.held
	if v == nil {
		return m.Epoch >= c.o.Highest.Epoch
	}
	held := v.position()
	c.mu.RLock()
	damaged := c.fault != nil || len(c.bad) > 0
	c.mu.RUnlock()
	switch {
	case m.Epoch != held.Epoch:
		return m.Epoch > held.Epoch
	case m.Revision > held.Revision:
		return true
	case m.Revision == held.Revision:
		// A fork, or a way to get rid of deltas or damage.
		return m.Hash != held.Hash || len(v.deltas) > 0 || damaged
	case m.Revision > v.manifest.Revision || damaged:
		// The deltas held lead from there to the position held.
		h, ok := v.hashAt(m.Revision)
		return ok && h == m.Hash
	}
	return false
}

// openIncoming opens the file in which a snapshot is received. If it was received there
// before, it looks for the chunks that the file has.
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

// recover looks for the chunks that the file has.
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

// PutChunks stores chunks of the snapshot being received, or repairs those of the
// snapshot held. switched says that the snapshot is complete and now held. An error,
// ErrUnasked or the disk's, does not keep it from storing the other chunks.
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

// put stores those of the chunks that are missing. It writes neighbours at once: fewer
// and longer writes take less of the processor.
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

// isChunk says whether a part is the chunk with its number.
func isChunk(m *wire.Manifest, part wire.ChunkPart) bool {
	return uint64(part.Index) < uint64(m.Chunks()) && m.CheckChunk(int(part.Index), part.Chunk) == nil
}

// repair writes a chunk of the snapshot held anew. A look-up meanwhile may still find it
// damaged.
func (c *Cache) repair(part wire.ChunkPart) error {
	v, i := c.held, int(part.Index)
	if !isChunk(v.manifest, part) {
		return ErrUnasked
	}
	_, err := v.snapshot.WriteAt(part.Chunk, v.offsets[i])
	if err == nil {
		err = durable.SyncData(v.snapshot.File)
	}
	if err != nil {
		return fmt.Errorf("repair chunk %d: %w", i, err)
	}
	c.sound(v, i)
	return nil
}

// abandon stops receiving a snapshot; its file stays.
func (c *Cache) abandon() {
	if c.incoming != nil {
		c.incoming.file.Close()
		c.incoming = nil
	}
}
