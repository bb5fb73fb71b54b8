package pn532

import (
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/nfc"
)

// pollLimit bounds a Poll, whatever the chip does, beyond the time that it may wait for a card.
const pollLimit = 2 * time.Second

// Poll waits until there is a card, for as long as within says, and selects it: the field stays
// on until Release or the next Poll. Without a card it returns false, and the chip goes on
// searching. The driver keeps no copy of the card's UID.
//
// Poll starts a chip that is not running. It restarts one that fails and asks again,
// once, without an error. If that does not help it returns [ErrAbsent],
// [ErrConfused], [ErrNotPN532] or the port's error, and from then on again, without
// a transfer, until the wait for the next start (0.25 s, doubling to 3 s) is over.
// The same fault has the same error text.
//
// A frame has a checksum of one byte, which one in 50 frames with two flipped bits
// passes. So while frames are garbled now and then, Poll looks again until it finds
// the same card twice in a row; a card that differs at each of four looks is none.
// Cards with random UIDs count as the same.
//
// A search takes one wake-up and 3 transfers if the interrupt line tells of the card, without
// the line one of each every 0.12 s. Every 0.7 s it is begun anew, with 9 transfers: that shows
// that the chip was not reset. Poll returns within 2 s and one transfer after its time; when ctx
// ends it aborts what the chip does and returns ctx's error.
func (d *Dev) Poll(ctx context.Context, within time.Duration, t *nfc.Target) (bool, error) {
	*t = nfc.Target{}
	limited, cancel := context.WithTimeout(ctx, within+pollLimit)
	defer cancel()
	found, err := d.poll(limited, time.Now().Add(within), t)
	switch {
	case err == nil || limited.Err() == nil:
		return found, err
	case ctx.Err() != nil:
		return false, ctx.Err()
	}
	return false, d.fail(ErrConfused)
}

func (d *Dev) poll(ctx context.Context, until time.Time, t *nfc.Target) (bool, error) {
	for range 2 {
		if d.state != ready {
			if err := d.start(ctx); err != nil {
				return false, err
			}
			until = notBefore(until, againTime)
		}
		found, err := d.searchUntilSure(ctx, until, t)
		if err == nil {
			d.pause = 0
			return found, nil
		}
		d.endSearch()
		if ctx.Err() != nil {
			return false, err
		}
		d.markLost()
	}
	return false, d.fail(ErrConfused)
}

// markLost notes that a chip that was ready has failed.
func (d *Dev) markLost() {
	d.state = lost
	d.Counters.Losses.Add(1)
}

// On a noisy wire a card must be found twice in a row.
const (
	maxLooks  = 4
	againTime = 150 * time.Millisecond // for a look after the first, or after a start, at least
)

// searchUntilSure looks for a card until it is sure of what it finds.
func (d *Dev) searchUntilSure(ctx context.Context, until time.Time, t *nfc.Target) (bool, error) {
	var before nfc.Target
	defer func() { before = nfc.Target{} }()
	for i := range maxLooks {
		*t = nfc.Target{}
		found, err := d.search(ctx, until, t)
		malformed := errors.Is(err, ErrTarget)
		if malformed {
			d.Counters.Garbled.Add(1)
		} else if err != nil || !found {
			return false, err
		}
		quiet := time.Now().After(d.noisy)
		if !malformed && (quiet || i > 0 && (*t == before || t.Random() && before.Random())) {
			d.selected = true
			return true, nil
		}
		before = *t
		if err := d.fieldOff(ctx); err != nil || quiet {
			return false, err
		}
		until = notBefore(until, againTime)
	}
	d.noteGarbled()
	return false, nil
}

// notBefore returns until, or the time after d from now if that is later.
func notBefore(until time.Time, d time.Duration) time.Time {
	if t := time.Now().Add(d); until.Before(t) {
		return t
	}
	return until
}

// endSearch ends a search that is running.
func (d *Dev) endSearch() {
	d.selected = false
	if !d.searching.IsZero() {
		d.searching = time.Time{}
		d.abort()
	}
}

// offLimit is how long switching the field off may take.
const offLimit = 300 * time.Millisecond

// Release switches the field off, so that the card answers the next search as if it were new.
func (d *Dev) Release() {
	defer d.wipe()
	if d.state != ready {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), offLimit)
	defer cancel()
	if err := d.fieldOff(ctx); err != nil {
		d.markLost()
	}
}

// Halt ends what the chip does and switches its field off. A chip that is not there is
// no error. It returns within 0.5 s. The next Poll starts the chip.
func (d *Dev) Halt() error {
	was := d.state
	d.state = unknown
	if was != ready {
		return nil
	}
	d.endSearch()
	ctx, cancel := context.WithTimeout(context.Background(), offLimit)
	defer cancel()
	if err := d.fieldOff(ctx); err != nil {
		return fmt.Errorf("pn532: halt: %w", err)
	}
	return nil
}
