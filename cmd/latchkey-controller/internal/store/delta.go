package store

import (
	"errors"

	"latchkey/sync/wire"
)

// A Delta is a signed part of the log, as sent to readers.
type Delta struct {
	Epoch, From, To uint64
	Hash            wire.Hash // SHA-256 of its payload
	Signed          []byte
}

// LastDelta returns the last delta of an epoch without its signed message, or
// ErrNotFound.
func (t *Tx) LastDelta(epoch uint64) (*Delta, error) {
	d := Delta{Epoch: epoch}
	return &d, t.row(`SELECT before, revision, hash FROM deltas WHERE epoch = ? ORDER BY revision DESC LIMIT 1`, []any{epoch}, &d.From, &d.To, fixed(d.Hash[:]))
}

// AddDelta adds a delta.
func (t *Tx) AddDelta(d *Delta) error {
	return t.exec(`INSERT INTO deltas (epoch, revision, before, hash, signed) VALUES (?, ?, ?, ?, ?)`, d.Epoch, d.To, d.From, d.Hash[:], d.Signed)
}

// Deltas returns the consecutive deltas of an epoch that start at a revision, up to
// limit bytes together; none if no delta starts there.
func (t *Tx) Deltas(epoch, from uint64, limit int) ([]*Delta, error) {
	var deltas []*Delta
	full := errors.New("full")
	at := from
	err := t.rows(`SELECT before, revision, hash, signed FROM deltas WHERE epoch = ? AND revision > ? ORDER BY revision`, []any{epoch, from}, func(r scanner) error {
		d := Delta{Epoch: epoch}
		if err := r.Scan(&d.From, &d.To, fixed(d.Hash[:]), &d.Signed); err != nil {
			return err
		}
		if limit -= len(d.Signed); limit < 0 || d.From != at {
			return full
		}
		at = d.To
		deltas = append(deltas, &d)
		return nil
	})
	if err != nil && !errors.Is(err, full) {
		return nil, err
	}
	return deltas, nil
}

// A Distance is the number and size of the deltas from a revision to the end of its
// epoch.
type Distance struct {
	Deltas, Bytes int
	Changes       uint64 // in these deltas: fewer than the revisions if some are in no delta
}

// Distance returns the distance from a revision to the last delta.
func (t *Tx) Distance(epoch, from uint64) (d Distance, err error) {
	err = t.row(`SELECT count(*), coalesce(sum(length(signed)), 0), coalesce(sum(revision - before), 0) FROM deltas WHERE epoch = ? AND revision > ?`, []any{epoch, from}, &d.Deltas, &d.Bytes, &d.Changes)
	return d, err
}

// HashAt returns the log's chain hash at a revision, or ErrNotFound if the log has no
// such revision.
func (t *Tx) HashAt(epoch, revision uint64) (hash wire.Hash, err error) {
	if revision == 0 {
		return wire.Start(epoch), t.row(`SELECT number FROM epochs WHERE number = ?`, []any{epoch}, &epoch)
	}
	err = t.row(`SELECT hash FROM changes WHERE epoch = ? AND revision = ?`, []any{epoch, revision}, fixed(hash[:]))
	return hash, err
}

// ChangeBytes returns the size of an epoch's changes after a revision, in bytes.
func (t *Tx) ChangeBytes(epoch, after uint64) (n int, err error) {
	err = t.row(`SELECT coalesce(sum(length(change)), 0) FROM changes WHERE epoch = ? AND revision > ?`, []any{epoch, after}, &n)
	return n, err
}

// TrimDeltas deletes the deltas of older epochs, and all of this epoch's but the
// newest: at most n, at most bytes together, and always the last one.
func (t *Tx) TrimDeltas(epoch uint64, n, bytes int) error {
	return t.exec(`DELETE FROM deltas WHERE epoch < ? OR epoch = ? AND revision IN (
		SELECT revision FROM (
			SELECT revision, row_number() OVER newest AS n, sum(length(signed)) OVER newest AS bytes
			FROM deltas WHERE epoch = ? WINDOW newest AS (ORDER BY revision DESC)) AS last
		WHERE n > 1 AND (n > ? OR bytes > ?))`, epoch, epoch, epoch, n, bytes)
}
