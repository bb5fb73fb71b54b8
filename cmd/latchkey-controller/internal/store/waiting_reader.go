package store

import (
	"errors"

	"latchkey/cmd/latchkey-controller/internal/clock"
)

// A WaitingReader is a board that has handed itself over by the network. It waits for an administrator, or was refused, or
// was made a reader. Its row goes by itself.
//
//	waits --refused--> Refused
//	  |  ^
//	  |  '--taken back, if it was not fetched
//	  '--adopted--> Reader, Bundle --fetched--> Fetched --heard over the link--> no bundle any more
type WaitingReader struct {
	ID           int64
	Board        string // fingerprint of the request
	Request      []byte // signed
	Named        string // the id in its config, as it said first; "": none. Nobody has signed it
	Disputed     bool   // its request came under another id, too
	Address      string // from which it was heard last
	First, Heard int64  // Unix milliseconds
	Until        clock.Steady
	Refused      bool
	Reader       string // that it was made; "": none
	Number       uint64 // of that bundle
	Revoked      bool   // the board that the reader had was shut out then
	Moved        string // the other reader that this board was; "": none
	Fetched      int64  // when the bundle was fetched first, Unix milliseconds; 0: not yet
	Fetcher      string // the address from which it was; "": it was not
}

// Waits says whether it waits for an administrator.
func (w *WaitingReader) Waits() bool { return !w.Refused && w.Reader == "" }

// NotAdopted has one that was made a reader wait again.
func (w *WaitingReader) NotAdopted() {
	w.Reader, w.Number, w.Revoked, w.Moved, w.Fetched, w.Fetcher = "", 0, false, "", 0, ""
}

const waitingColumns = `id, board, request, named, disputed, address, first, heard, until, refused, reader, number, revoked, moved, fetched, fetcher`

func (w *WaitingReader) columns() []any {
	return []any{&w.ID, &w.Board, &w.Request, &w.Named, &w.Disputed, &w.Address, &w.First, &w.Heard, &w.Until, &w.Refused, &w.Reader, &w.Number, &w.Revoked, &w.Moved, &w.Fetched, &w.Fetcher}
}

// WaitingReaders returns those whose rows are there after now, the longest first.
func (t *Tx) WaitingReaders(now clock.Steady) (all []*WaitingReader, err error) {
	err = t.rows(`SELECT `+waitingColumns+` FROM waiting_reader WHERE until > ? ORDER BY id`, []any{now}, func(r scanner) error {
		w := new(WaitingReader)
		all = append(all, w)
		return r.Scan(w.columns()...)
	})
	return all, err
}

// WaitingReader returns one, or ErrNotFound.
func (t *Tx) WaitingReader(now clock.Steady, id int64) (*WaitingReader, error) {
	w := new(WaitingReader)
	return w, t.row(`SELECT `+waitingColumns+` FROM waiting_reader WHERE until > ? AND id = ?`, []any{now, id}, w.columns()...)
}

// WaitingBoard returns that with a request's fingerprint, or ErrNotFound.
func (t *Tx) WaitingBoard(now clock.Steady, board string) (*WaitingReader, error) {
	w := new(WaitingReader)
	return w, t.row(`SELECT `+waitingColumns+` FROM waiting_reader WHERE until > ? AND board = ?`, []any{now, board}, w.columns()...)
}

// WaitingBundle returns the sealed bundle; empty: there is none, or none any more.
func (t *Tx) WaitingBundle(id int64) (bundle []byte, err error) {
	err = t.row(`SELECT bundle FROM waiting_reader WHERE id = ?`, []any{id}, &bundle)
	return bundle, err
}

// AddWaitingReader adds one that waits, and fills in the ID. An outdated row of the same board goes.
func (t *Tx) AddWaitingReader(now clock.Steady, w *WaitingReader) error {
	return errors.Join(
		t.exec(`DELETE FROM waiting_reader WHERE board = ? AND until <= ?`, w.Board, now),
		t.row(`INSERT INTO waiting_reader (board, request, named, disputed, address, first, heard, until, refused, reader, number, revoked, moved, fetched, fetcher, bundle)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, '', 0, 0, '', 0, '', ?) RETURNING id`, []any{w.Board, w.Request, w.Named, w.Disputed, w.Address, w.First, w.Heard, w.Until, []byte{}}, &w.ID),
	)
}

// SetWaitingReader stores all but ID, Board and First.
func (t *Tx) SetWaitingReader(w *WaitingReader) error {
	return t.exec(`UPDATE waiting_reader SET request = ?, named = ?, disputed = ?, address = ?, heard = ?, until = ?, refused = ?, reader = ?, number = ?, revoked = ?, moved = ?, fetched = ?, fetcher = ? WHERE id = ?`,
		w.Request, w.Named, w.Disputed, w.Address, w.Heard, w.Until, w.Refused, w.Reader, w.Number, w.Revoked, w.Moved, w.Fetched, w.Fetcher, w.ID)
}

// SetWaitingBundle stores the sealed bundle; nil: none.
func (t *Tx) SetWaitingBundle(id int64, bundle []byte) error {
	return t.exec(`UPDATE waiting_reader SET bundle = ? WHERE id = ?`, append([]byte{}, bundle...), id)
}

// RemoveWaitingReader removes one.
func (t *Tx) RemoveWaitingReader(id int64) error {
	return t.exec(`DELETE FROM waiting_reader WHERE id = ?`, id)
}

// RemoveWaitingBoard removes that with a request's fingerprint, if there is one.
func (t *Tx) RemoveWaitingBoard(board string) error {
	return t.exec(`DELETE FROM waiting_reader WHERE board = ?`, board)
}

// PruneWaitingReaders removes those whose time has come, and the bundles of those whose reader was heard, or has another
// bundle in force.
func (t *Tx) PruneWaitingReaders(now clock.Steady) error {
	return errors.Join(
		t.exec(`DELETE FROM waiting_reader WHERE until <= ?`, now),
		t.exec(`UPDATE waiting_reader SET bundle = ? WHERE number <> 0 AND length(bundle) > 0 AND NOT EXISTS (SELECT 1 FROM bundles b JOIN readers r ON r.id = b.reader_id
			WHERE b.number = waiting_reader.number AND b.revoked = 0 AND r.level = ?)`, []byte{}, LevelUnknown),
	)
}

// BoardWithRequest returns the reader whose bundle in force answers the very same request, by its payload without the TPM's
// nonce; "": there is none.
func (t *Tx) BoardWithRequest(lasting []byte) (reader string, err error) {
	err = t.rowIfAny(`SELECT reader_id FROM bundles WHERE revoked = 0 AND request = ?`, []any{lasting}, &reader)
	return reader, err
}
