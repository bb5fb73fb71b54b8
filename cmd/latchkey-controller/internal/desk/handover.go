package desk

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/ratelimit"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// Limits of boards that wait. Nobody has let them in, so whoever reaches the controller can fill the list: with one address
// a part of it, and for no longer than it goes on.
const (
	maxBoards     = 100             // at most
	maxBoardsEach = 10              // from one address: see ratelimit.Network
	waitingEnds   = time.Hour       // after it was heard last
	waitingSilent = 2 * time.Minute // after which it gives way to another one, if there are too many
	heardEvery    = time.Minute     // how often it is written that one was heard, at most
	nonceEvery    = 5 * time.Second // and that its TPM wants another first grant
	refusalEnds   = time.Hour
	adoptionEnds  = 24 * time.Hour // the bundle is kept for so long
)

// Why a board gets nothing.
var (
	ErrBoardRefused  = errors.New("an administrator has refused this board")
	ErrBoardIsReader = errors.New("this board is a reader of the site already; if it has lost what it was given, remove that reader, or adopt it with a file")
	ErrTooManyWait   = errors.New("too many boards wait for an administrator already")
)

// HandOver answers a board that hands itself over, or asks again. from is the address that it comes from. Errors: an error
// of the field "request", ErrBoardRefused, ErrBoardIsReader, ErrTooManyWait, ErrBundlesUnderWay, or that the database cannot be used now.
//
// Nobody has authenticated the board: its request proves that it has the keys in there, and no more. That is enough, as the
// administrator compares the request's fingerprint with the board's screen, and the bundle can be read by that board alone.
//
// The answer's bundle is under way until ctx ends, and must not be changed.
func (d *Desk) HandOver(ctx context.Context, from netip.Addr, h *wire.Handover) (*wire.HandoverAnswer, error) {
	request, board, err := parseRequest(h.Request)
	if err != nil {
		return nil, err
	}
	v := &visit{Handover: h, request: request, board: board, address: from.Unmap().WithZone("").String()}
	v.fetch = func(tx *store.Tx) ([]byte, error) {
		return d.underWay.take(ctx, v.row.Number, func() ([]byte, error) { return tx.WaitingBundle(v.row.ID) })
	}
	look := func(tx *store.Tx) (err error) {
		if v.steady, err = d.steady(tx); err == nil {
			v.now = d.now()
			err = v.look(tx)
		}
		return err
	}
	if err := d.site.View(ctx, look); err != nil {
		return nil, err
	}
	if v.changed {
		write := d.site.Keep
		if v.bundle != nil {
			write = d.site.Update // on a full disk, too: an administrator waits for it
		}
		err := write(ctx, func(tx *store.Tx) error {
			if err := look(tx); err != nil {
				return err
			}
			return v.store(tx)
		})
		if err != nil {
			return nil, err
		}
	}
	return &wire.HandoverAnswer{Site: d.site.Name, Controller: d.site.VerifyingKey(), Bundle: v.bundle}, nil
}

// A visit is a board that hands itself over, or asks again.
type visit struct {
	*wire.Handover
	request *wire.Request
	board   string // fingerprint
	address string
	now     time.Time
	steady  clock.Steady
	fetch   func(*store.Tx) (bundle []byte, err error) // that of row

	row      *store.WaitingReader
	changed  bool                 // row differs from what is stored
	givesWay *store.WaitingReader // to it; nil: there is room
	bundle   []byte               // for the board; nil: there is none yet
}

// look finds out what there is for the board, and changes its row, which store stores.
func (v *visit) look(tx *store.Tx) (err error) {
	v.changed, v.givesWay, v.bundle = false, nil, nil
	v.row, err = tx.WaitingBoard(v.steady, v.board)
	switch {
	case errors.Is(err, store.ErrNotFound):
		// A replay of a reader's request, or a reader that has lost its site.
		if reader, err := tx.BoardWithRequest(v.request.Lasting()); err != nil || reader != "" {
			return errors.Join(err, ErrBoardIsReader)
		}
		v.row = &store.WaitingReader{Board: v.board, Named: v.Reader, First: v.now.UnixMilli()}
		v.hear()
		v.givesWay, err = v.room(tx)
		return err
	case err != nil:
		return err
	case v.row.Refused:
		return ErrBoardRefused
	case v.row.Reader != "":
		return v.lookForBundle(tx)
	}
	anew, err := v.wantsAnotherGrant()
	if silent := waitingEnds - v.row.Until.Sub(v.steady); err == nil && (v.disputes() || silent > heardEvery || anew && silent > nonceEvery) {
		v.hear()
	}
	return err
}

// wantsAnotherGrant says whether the board's TPM wants another first grant than that of which the row knows. It does after
// each start.
func (v *visit) wantsAnotherGrant() (bool, error) {
	if v.request.TPM == nil || v.request.TPM.Nonce == (wire.TPMNonce{}) {
		return false, nil
	}
	known, _, err := wire.ParseRequest(v.row.Request)
	return err == nil && known.TPM.Nonce != v.request.TPM.Nonce, err
}

// disputes says whether the request comes under another id than before. Anybody who has it can send it under any.
func (v *visit) disputes() bool { return v.Reader != v.row.Named && !v.row.Disputed }

// hear notes what the board says now. The id that it said first stays: an administrator may be looking at it.
func (v *visit) hear() {
	v.row.Disputed = v.row.Disputed || v.disputes()
	v.row.Request, v.row.Address = v.Handover.Request, v.address
	v.row.Heard, v.row.Until, v.changed = v.now.UnixMilli(), v.steady.Add(waitingEnds), true
}

// lookForBundle is look for a board that was adopted. Its bundle is there until its reader is heard: it may have been lost on
// the way.
func (v *visit) lookForBundle(tx *store.Tx) error {
	inForce, err := bundleInForce(tx, v.row)
	if err != nil {
		return err
	}
	if !inForce { // the reader was removed, say
		v.row.NotAdopted()
		v.hear()
		return nil
	}
	awaited, err := bundleAwaited(tx, v.row)
	if err != nil {
		return err
	}
	if awaited {
		v.bundle, err = v.fetch(tx)
	}
	if err != nil || len(v.bundle) == 0 {
		return errors.Join(err, ErrBoardIsReader)
	}
	if v.row.Fetched == 0 { // by the board, or by whoever has seen its request: only the board can open it
		v.row.Fetched, v.row.Fetcher, v.changed = v.now.UnixMilli(), v.address, true
	}
	return nil
}

// store stores the row.
func (v *visit) store(tx *store.Tx) error {
	switch {
	case !v.changed:
		return nil
	case v.givesWay != nil:
		return errors.Join(tx.RemoveWaitingReader(v.givesWay.ID), tx.AddWaitingReader(v.steady, v.row))
	case v.row.ID == 0:
		return tx.AddWaitingReader(v.steady, v.row)
	case v.row.Reader == "":
		return errors.Join(tx.SetWaitingReader(v.row), tx.SetWaitingBundle(v.row.ID, nil))
	}
	return tx.SetWaitingReader(v.row)
}

// room returns the row that gives way to a new one, which has been silent longest; of the same address, if these are too many;
// nil: there is room for both. The error is ErrTooManyWait if none does.
func (v *visit) room(tx *store.Tx) (givesWay *store.WaitingReader, err error) {
	all, err := tx.WaitingReaders(v.steady)
	if err != nil {
		return nil, err
	}
	var wait, near []*store.WaitingReader
	for _, w := range all {
		if !w.Waits() {
			continue
		}
		wait = append(wait, w)
		if ratelimit.Network(w.Address) == ratelimit.Network(v.address) {
			near = append(near, w)
		}
	}
	if len(near) >= maxBoardsEach {
		wait = near
	} else if len(wait) < maxBoards {
		return nil, nil
	}
	silent := slices.MinFunc(wait, func(a, b *store.WaitingReader) int { return cmp.Compare(a.Until, b.Until) })
	if heard := silent.Until.Add(-waitingEnds); v.steady.Sub(heard) < waitingSilent {
		return nil, ErrTooManyWait
	}
	return silent, nil
}
