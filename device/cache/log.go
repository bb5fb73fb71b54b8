package cache

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/fxamacker/cbor/v2"

	"latchkey/device/durable"
	"latchkey/sync/wire"
)

// change is where a change is in the log.
type change struct {
	sum    [16]byte // first bytes of its SHA-256 when its delta was checked
	offset uint32
	length uint16 // 0: the tag was removed
}

// openLog reads the deltas as far as they are good. What follows is torn if all that was
// ever applied durably comes before it, and otherwise damaged.
func (v *view) openLog(o *Options) error {
	f, err := openFile(filepath.Join(v.dir, deltasFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		v.overlay = map[wire.Tag]change{}
		v.judge(o, nil)
		return nil
	case err != nil:
		return err
	}
	v.log = share(f)
	info, err := f.Stat()
	if err != nil {
		return err
	}
	// The last signature covers all deltas. If anything is wrong, the others say how far
	// the deltas are good.
	ends := v.readLog(o, info.Size(), false)
	if ends != nil {
		ends = v.readLog(o, info.Size(), true)
	}
	v.judge(o, ends)
	return nil
}

// judge decides whether the end of the deltas is damage. ends is the error there, if any.
func (v *view) judge(o *Options, ends error) {
	held := v.position()
	switch {
	case o.Highest.Above(held):
		v.damage = fmt.Errorf("they end at revision %d of epoch %d, and %d of %d was held", held.Revision, held.Epoch, o.Highest.Revision, o.Highest.Epoch)
		if ends != nil {
			v.damage = fmt.Errorf("%w: %w", v.damage, ends)
		}
	case v.log != nil && held.Above(o.Highest):
		// A process that was killed may have left it in memory only.
		v.stale = durable.SyncData(v.log.File) != nil
	}
}

// readLog reads the deltas and builds the overlay. It returns nil if all size bytes of
// the file are good, and otherwise the error that ends them. If each is set it checks
// each delta's signature, and all before the error are good; otherwise it checks only
// the last one's, and after an error none may be used.
func (v *view) readLog(o *Options, size int64, each bool) error {
	v.end, v.deltas, v.overlay, v.before = 0, nil, map[wire.Tag]change{}, wire.Hash{}
	defer v.forget()
	r := bufio.NewReaderSize(io.NewSectionReader(v.log, 0, size), envelopeHead+wire.MaxDelta+signatureTail)
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
		if each {
			if _, err := wire.OpenDelta(o.Site, item, o.Controller); err != nil {
				return err
			}
		}
		d, err := readDelta(item)
		if err != nil {
			return err
		}
		if err := v.follows(d); err != nil {
			return err
		}
		if err := v.overlayDelta(d, item); err != nil {
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
	_, err := wire.OpenDelta(o.Site, last, o.Controller)
	return err
}

// peekSigned returns the next signed message, in r's buffer, or io.EOF.
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

// logged is a delta of the log, decoded as far as the overlay needs it. It was checked
// in full (wire.ParseDelta) when it was applied; the hash chain says that it is the
// same.
type logged struct {
	payload []byte
	sum     wire.Hash // SHA-256 of payload
	Epoch   uint64    `cbor:"1,keyasint"`
	From    uint64    `cbor:"2,keyasint"`
	To      uint64    `cbor:"3,keyasint"`
	Start   wire.Hash `cbor:"4,keyasint"` // h(From)
	End     wire.Hash `cbor:"5,keyasint"` // h(To)
	Before  wire.Hash `cbor:"6,keyasint"`
	Changes []struct {
		_          struct{} `cbor:",toarray"`
		Tag        wire.Tag
		Credential cbor.RawMessage
	} `cbor:"7,keyasint"`
}

// readDelta reads a signed delta without checking its signature.
func readDelta(item []byte) (*logged, error) {
	payload, err := wire.Payload(wire.KindDelta, item, wire.MaxDelta)
	if err != nil {
		return nil, err
	}
	d := &logged{payload: payload, sum: wire.Sum(payload)}
	if err := cbor.Unmarshal(payload, d); err != nil {
		return nil, err
	}
	if d.To <= d.From || d.To-d.From != uint64(len(d.Changes)) {
		return nil, fmt.Errorf("delta %d to %d with %d changes", d.From, d.To, len(d.Changes))
	}
	return d, nil
}

// follows refuses a delta of the log that does not continue the one before it, and the
// first delta beyond the snapshot if it does not start within the snapshot.
func (v *view) follows(d *logged) error {
	m := v.manifest
	if d.Epoch != m.Epoch {
		return fmt.Errorf("delta of epoch %d", d.Epoch)
	}
	if n := len(v.deltas); n > 0 {
		last := v.deltas[n-1]
		if d.From != last.to || d.Start != last.hash || d.Before != v.before {
			return fmt.Errorf("delta %d to %d does not follow the one before", d.From, d.To)
		}
		if last.to > m.Revision {
			return nil
		}
	}
	switch {
	case d.To <= m.Revision:
		return nil
	case d.From > m.Revision:
		return fmt.Errorf("delta %d to %d does not follow the snapshot of revision %d", d.From, d.To, m.Revision)
	}
	if h, err := d.hashAt(m.Revision); err != nil || h != m.Hash {
		return fmt.Errorf("delta %d to %d is of another history than the snapshot", d.From, d.To)
	}
	return nil
}

// hashAt returns h(revision) for a revision of the delta.
func (d *logged) hashAt(revision uint64) (h wire.Hash, err error) {
	if revision == d.From {
		return d.Start, nil
	}
	if revision == d.To {
		return d.End, nil
	}
	whole, err := wire.ParseDelta(d.payload)
	if err != nil {
		return h, err
	}
	h = whole.FromHash
	for _, change := range whole.Changes[:revision-whole.From] {
		h = h.Extend(change)
	}
	return h, nil
}

// changeHead is what precedes the credential in an encoded change: the heads of the
// array and of the tag, and the tag.
const changeHead = 1 + 1 + len(wire.Tag{})

// overlayDelta puts the changes of the delta at the end of the log into the overlay,
// except those that the snapshot contains. They are the last part of a delta's payload,
// so their lengths say where each one is.
func (v *view) overlayDelta(d *logged, item []byte) error {
	at := len(item) - signatureTail
	for i := len(d.Changes) - 1; i >= 0 && d.From+uint64(i) >= v.manifest.Revision; i-- {
		c := &d.Changes[i]
		at -= changeHead + len(c.Credential)
		if at < 0 || !bytes.HasPrefix(item[at+changeHead:], c.Credential) || !bytes.HasPrefix(item[at+2:], c.Tag[:]) {
			return errors.New("changes are not where a delta has them")
		}
		if old, found := v.overlay[c.Tag]; found && int64(old.offset) >= v.end {
			continue // a later change of this delta
		}
		new := change{offset: uint32(v.end) + uint32(at)}
		if len(c.Credential) > 1 { // else it is null: removed
			encoded := item[at : at+changeHead+len(c.Credential)]
			hash := wire.Sum(encoded)
			new.length = uint16(len(encoded))
			copy(new.sum[:], hash[:])
		}
		v.overlay[c.Tag] = new
	}
	v.end += int64(len(item))
	v.deltas = append(v.deltas, delta{d.To, d.End, v.end})
	v.before = d.sum
	return nil
}

// forget empties the log if the snapshot contains all of it.
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

// hashAt returns h(revision) if it is known or can be read.
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

// readHash returns h(revision) from the delta that is in the log from start to end.
func (v *view) readHash(revision uint64, start, end int64) (h wire.Hash, ok bool) {
	item := make([]byte, end-start)
	if _, err := v.log.ReadAt(item, start); err != nil {
		return h, false
	}
	d, err := readDelta(item)
	if err != nil || revision < d.From || revision > d.To {
		return h, false
	}
	h, err = d.hashAt(revision)
	return h, err == nil
}
