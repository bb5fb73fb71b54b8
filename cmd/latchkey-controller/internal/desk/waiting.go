package desk

import (
	"context"
	"errors"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A WaitingReader is a board that has handed itself over by the network and waits for an administrator, or for its
// reader to be heard.
type WaitingReader struct {
	ID       int64
	Request                     // Reader: what this board is now; "": no reader, as is usual
	Named    string             // the id in its config, as it said first; "": it leaves the choice to the site. Nobody has signed it
	Disputed bool               // its request came under another id, too: whoever adopts it says which one is right
	Address  string             // from which it was heard last, without a port
	First    time.Time          // when it was heard first
	Heard    time.Time          // and last; written at most once a minute
	Adopted  string             // the reader it was made; "": it waits for an administrator
	Revoked  bool               // the board that the reader had was shut out then
	Moved    string             // the other reader that this board was until then; "": none
	Fetched  time.Time          // zero: nobody has fetched its bundle yet. Who has may be anybody who has seen its request
	Fetcher  string             // the address from which its bundle was fetched first
	Twin     bool               // Disputed, or another one waits under the same Named, or Named is a reader with another board: compare carefully
	Beside   int                // while it waits: how many others wait that were heard from Address last
	Problem  *language.Sentence // why it cannot be adopted as the site is set up now; nil: it can
}

// WaitingReaders returns the boards that wait for an administrator, and those that were made readers and have not
// been heard yet over the link: the longest first. It is for those who May ViewWaiting.
func (d *Desk) WaitingReaders(ctx context.Context, a Actor) (all []*WaitingReader, err error) {
	err = d.view(ctx, a, ViewWaiting, func(tx *store.Tx) error {
		s, err := d.waitingSight(tx)
		if err != nil {
			return err
		}
		for _, row := range s.rows {
			if row.Refused {
				continue
			}
			if row.Reader != "" {
				if awaited, err := bundleAwaited(tx, row); err != nil {
					return err
				} else if !awaited {
					continue
				}
			}
			w, err := s.describe(row)
			if err != nil {
				return err
			}
			all = append(all, w)
		}
		return nil
	})
	return all, err
}

// WaitingReader returns one, up to a day after it was adopted; ErrNotFound: it has gone, or was refused.
func (d *Desk) WaitingReader(ctx context.Context, a Actor, id int64) (w *WaitingReader, err error) {
	err = d.view(ctx, a, ViewWaiting, func(tx *store.Tx) error {
		s, err := d.waitingSight(tx)
		if err != nil {
			return err
		}
		for _, row := range s.rows {
			if row.ID != id || row.Refused {
				continue
			}
			if row.Reader != "" {
				if is, err := bundleInForce(tx, row); err != nil {
					return err
				} else if !is { // the reader was removed
					return ErrNotFound
				}
			}
			w, err = s.describe(row)
			return err
		}
		return ErrNotFound
	})
	return w, err
}

// A waitingSight is what it takes to describe who waits. What is the same for all it reads once.
type waitingSight struct {
	tx       *store.Tx
	now      time.Time
	rows     []*store.WaitingReader
	boards   func(*wire.Request) (reader string)
	former   func(*wire.Request) *store.FormerBundle
	settings store.GuessSettings
}

func (d *Desk) waitingSight(tx *store.Tx) (*waitingSight, error) {
	s := &waitingSight{tx: tx, now: d.now()}
	now, err := d.steady(tx)
	if err != nil {
		return nil, err
	}
	if s.rows, err = tx.WaitingReaders(now); err != nil || len(s.rows) == 0 {
		return s, err
	}
	if s.boards, err = site.Boards(tx); err != nil {
		return nil, err
	}
	if s.former, err = site.FormerBoards(tx); err != nil {
		return nil, err
	}
	s.settings, err = tx.GuessSettings()
	return s, err
}

// describe describes one.
func (s *waitingSight) describe(row *store.WaitingReader) (*WaitingReader, error) {
	request, fingerprint, err := wire.ParseRequest(row.Request)
	if err != nil {
		return nil, err
	}
	w := &WaitingReader{ID: row.ID, Named: row.Named, Disputed: row.Disputed, Address: row.Address, First: time.UnixMilli(row.First), Heard: time.UnixMilli(row.Heard), Adopted: row.Reader, Revoked: row.Revoked, Moved: row.Moved, Fetcher: row.Fetcher}
	w.Request = Request{Fingerprint: fingerprint, Reader: s.boards(request), TPM: request.TPM != nil}
	w.NoPIN = s.settings.OnlyTPM && !w.TPM
	if w.Reader == "" {
		w.Was = formerReader(s.former(request))
	}
	if row.Waits() {
		w.Beside = len(beside(s.rows, row))
	}
	if row.Fetched != 0 {
		w.Fetched = time.UnixMilli(row.Fetched)
	}
	authority, err := site.CheckTPM(s.tx, s.now, request)
	if refusal := (*site.Refusal)(nil); errors.As(err, &refusal) {
		w.Problem = language.Of(err).Capital()
	} else if err != nil {
		return nil, err
	}
	if authority != nil {
		w.Certified = site.AuthorityName(authority)
	}
	w.Twin, err = s.twin(row, w.Reader)
	return w, err
}

// twin says whether one is Disputed, or another board that waits, or is a reader, goes by the name that its config has. is is the reader
// that the board is.
func (s *waitingSight) twin(row *store.WaitingReader, is string) (bool, error) {
	if row.Named == "" || row.Disputed || !row.Waits() {
		return row.Disputed && row.Waits(), nil
	}
	for _, other := range s.rows {
		if other.ID != row.ID && other.Waits() && other.Named == row.Named {
			return true, nil
		}
	}
	if row.Named == is {
		return false, nil
	}
	_, err := s.tx.BundleOf(row.Named)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// beside returns the others that wait and were heard last from the address from which one was.
func beside(rows []*store.WaitingReader, one *store.WaitingReader) (all []*store.WaitingReader) {
	for _, row := range rows {
		if row.ID != one.ID && row.Waits() && row.Address == one.Address {
			all = append(all, row)
		}
	}
	return all
}

// bundleAwaited says whether the bundle of one that was adopted is in force, and its reader has not been heard yet.
func bundleAwaited(tx *store.Tx, row *store.WaitingReader) (bool, error) {
	is, err := bundleInForce(tx, row)
	if err != nil || !is {
		return false, err
	}
	level, err := tx.ReaderLevel(row.Reader)
	return level == store.LevelUnknown, err
}

// bundleInForce says whether the bundle of one that was adopted is in force: its reader was not removed, nor adopted anew.
func bundleInForce(tx *store.Tx, row *store.WaitingReader) (bool, error) {
	b, err := tx.BundleOf(row.Reader)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil && b.Number == row.Number, err
}
