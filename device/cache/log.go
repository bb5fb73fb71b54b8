package cache

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"latchkey/sync/wire"
)

// change is where a change lies in the log.
type change struct {
	sum    [16]byte // first bytes of its SHA-256 when its delta was checked
	offset uint32
	length uint16 // 0: the tag was removed
}

// openLog reads the deltas, as far as they can be used. What follows is torn if
// everything that was ever durably applied comes before, and else damaged.
func (v *view) openLog(o *Options) error {
	f, err := openFile(filepath.Join(v.dir, deltasFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		v.overlay = map[wire.Tag]change{}
		return nil
	case err != nil:
		return err
	}
	v.log = share(f)
	info, err := f.Stat()
	if err != nil {
		return err
	}
	// The last signature covers all deltas. If anything is wrong, each one's
	// own says how far they can be used.
	ends := v.readLog(o, info.Size(), false)
	if ends != nil {
		ends = v.readLog(o, info.Size(), true)
	}
	held := v.place()
	if ends != nil && o.Highest.Above(held) {
		v.spoilt = fmt.Errorf("%s: behind revision %d: %w", deltasFile, held.Revision, ends)
	}
	if held.Above(o.Highest) {
		// A process that was killed may have left it in memory only.
		v.stale = datasync(f) != nil
	}
	return nil
}

// readLog reads the deltas and builds the overlay. It returns nil if all size
// bytes of the file are good, and otherwise what ends them: with each, all
// before that bear their own signature; without, nothing may be used.
func (v *view) readLog(o *Options, size int64, each bool) error {
	v.end, v.deltas, v.overlay, v.before = 0, nil, map[wire.Tag]change{}, wire.Hash{}
	defer v.forget()
	r := bufio.NewReaderSize(io.NewSectionReader(v.log, 0, size), wire.MaxDelta)
	var last []byte
	for {
		item, err := peekSigned(r)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if v.end+int64(len(item)) > mostBytes || len(v.deltas) >= mostDeltas {
			return errors.New("longer than it can be")
		}
		var payload []byte
		if each {
			payload, err = wire.Open(wire.KindDelta, o.Site, item, wire.MaxDelta, o.Controller)
		} else {
			payload, err = wire.Payload(wire.KindDelta, item, wire.MaxDelta)
		}
		if err != nil {
			return err
		}
		d, err := wire.ParseDelta(payload)
		if err != nil {
			return err
		}
		if err := v.follows(d); err != nil {
			return err
		}
		if err := v.fold(d, item, wire.Sum(payload)); err != nil {
			return err
		}
		last = append(last[:0], item...)
		if _, err := r.Discard(len(item)); err != nil {
			return err
		}
	}
	if each || last == nil {
		return nil
	}
	_, err := wire.Open(wire.KindDelta, o.Site, last, wire.MaxDelta, o.Controller)
	return err
}

// peekSigned returns the signed message that comes next, which stays r's, or
// io.EOF.
func peekSigned(r *bufio.Reader) ([]byte, error) {
	head, err := r.Peek(envelopeHead)
	if err != nil {
		if err == io.EOF && len(head) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	length, err := signedLength(head)
	if err != nil {
		return nil, err
	}
	item, err := r.Peek(length)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return item, err
}

// follows says whether a delta of the log continues the one before it, and
// whether the first one that goes beyond the snapshot starts in it.
func (v *view) follows(d *wire.Delta) error {
	if d.Epoch != v.manifest.Epoch {
		return fmt.Errorf("delta of epoch %d", d.Epoch)
	}
	from := d.From
	if n := len(v.deltas); n > 0 {
		last := v.deltas[n-1]
		if d.From != last.to || d.FromHash != last.hash || d.Before != v.before {
			return fmt.Errorf("delta %d to %d does not follow the one before", d.From, d.To)
		}
		from = last.to
	}
	m := v.manifest
	switch {
	case d.To <= m.Revision, len(v.deltas) > 0 && from > m.Revision:
		return nil
	case from > m.Revision:
		return fmt.Errorf("delta %d to %d does not follow the snapshot of revision %d", d.From, d.To, m.Revision)
	}
	if hashWithin(d, m.Revision) != m.Hash {
		return fmt.Errorf("delta %d to %d is of another history than the snapshot", d.From, d.To)
	}
	return nil
}

// hashWithin returns h(revision), which lies within the delta.
func hashWithin(d *wire.Delta, revision uint64) wire.Hash {
	h := d.FromHash
	for i := range revision - d.From {
		h = h.Extend(d.Changes[i])
	}
	return h
}

// fold puts a delta's changes, which lie at the end of the log, into the
// overlay: those that the snapshot does not contain. They are the last thing
// in a delta's payload, so their encoded lengths say where each lies.
func (v *view) fold(d *wire.Delta, item []byte, sum wire.Hash) error {
	at := len(item) - signatureTail
	for i := len(d.Changes) - 1; i >= 0; i-- {
		encoded := wire.Marshal(d.Changes[i])
		at -= len(encoded)
		if at < 0 || !bytes.Equal(item[at:at+len(encoded)], encoded) {
			return errors.New("changes are not where they should be")
		}
		if d.From+uint64(i)+1 <= v.manifest.Revision {
			break
		}
		tag := d.Changes[i].Tag
		if old, found := v.overlay[tag]; found && int64(old.offset) >= v.end {
			continue // a later change of this delta
		}
		new := change{offset: uint32(v.end) + uint32(at)}
		if d.Changes[i].Credential != nil {
			hash := wire.Sum(encoded)
			new.length = uint16(len(encoded))
			copy(new.sum[:], hash[:])
		}
		v.overlay[tag] = new
	}
	v.end += int64(len(item))
	v.deltas = append(v.deltas, delta{d.To, d.ToHash, v.end})
	v.before = sum
	return nil
}

// forget leaves out of the log what the snapshot contains as a whole.
func (v *view) forget() {
	n := len(v.deltas)
	if n == 0 || v.deltas[n-1].to > v.manifest.Revision {
		return
	}
	if v.deltas[n-1] != (delta{v.manifest.Revision, v.manifest.Hash, v.end}) {
		v.before = wire.Hash{}
	}
	v.end, v.deltas = 0, nil
}

// hashAt returns h(revision), if it is known or can be read.
func (v *view) hashAt(revision uint64) (h wire.Hash, ok bool) {
	if revision == v.manifest.Revision {
		return v.manifest.Hash, true
	}
	start := int64(0)
	for _, d := range v.deltas {
		if d.to == revision {
			return d.hash, true
		}
		if d.to > revision {
			return v.readHash(revision, start, d.end)
		}
		start = d.end
	}
	return h, false
}

// readHash reads the delta that lies in the log from start to end for a hash
// within it.
func (v *view) readHash(revision uint64, start, end int64) (h wire.Hash, ok bool) {
	item := make([]byte, end-start)
	if _, err := v.log.ReadAt(item, start); err != nil {
		return h, false
	}
	payload, err := wire.Payload(wire.KindDelta, item, wire.MaxDelta)
	if err != nil {
		return h, false
	}
	d, err := wire.ParseDelta(payload)
	if err != nil || revision < d.From || revision > d.To {
		return h, false
	}
	return hashWithin(d, revision), true
}
