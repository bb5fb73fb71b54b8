package pn532

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// pollLimit bounds a Poll, whatever the chip does.
const pollLimit = 2 * time.Second

// Poll looks for a card once. It writes the card's UID into uid (room for 10 bytes),
// leading zeros included, and returns its length, 4, 7 or 10; without a card it
// returns 0. It keeps no copy.
//
// Poll starts a chip that is not running. It restarts one that fails and asks again,
// once, without an error. If that does not help it returns [ErrAbsent],
// [ErrConfused], [ErrNotPN532] or the port's error, and from then on again, without
// a transfer, until the wait for the next start (0.25 s, doubling to 3 s) is over.
// The same fault has the same error text.
//
// A frame has a checksum of one byte, which one in 50 frames with two flipped bits
// passes. So while frames are garbled now and then, Poll looks again until it finds
// the same card twice in a row, which costs 10 more transfers each time; a card that
// differs at each of four looks is none. Cards with random UIDs count as the same.
//
// Without a card a Poll takes 5 transfers and at most three short sleeps: for the ACK,
// for the answer, and rarely for a second status, one more transfer. With a card it
// takes 10, because it then switches the field off, so that the card answers the next
// time as if it were new. Poll returns within 2 s and one transfer; when ctx ends it
// aborts what the chip does and returns ctx's error.
func (d *Dev) Poll(ctx context.Context, uid []byte) (int, error) {
	if len(uid) < 10 {
		return 0, fmt.Errorf("pn532: a UID needs room for 10 bytes, not %d", len(uid))
	}
	limited, cancel := context.WithTimeout(ctx, pollLimit)
	defer cancel()
	n, err := d.poll(limited, uid)
	switch {
	case err == nil || limited.Err() == nil:
		return n, err
	case ctx.Err() != nil:
		return 0, ctx.Err()
	}
	return 0, d.fail(ErrConfused)
}

func (d *Dev) poll(ctx context.Context, uid []byte) (int, error) {
	for range 2 {
		if d.state != ready {
			if err := d.start(ctx); err != nil {
				return 0, err
			}
		}
		n, err := d.listUntilSure(ctx, uid)
		if err == nil || ctx.Err() != nil {
			return n, err
		}
		d.markLost()
	}
	return 0, d.fail(ErrConfused)
}

// markLost notes that a chip that was ready has failed.
func (d *Dev) markLost() {
	d.state = lost
	d.Counters.Losses.Add(1)
}

// maxLists is how often a card is looked for to find the same one twice in a row.
const maxLists = 4

// listUntilSure looks for a card until it is sure of what it finds.
func (d *Dev) listUntilSure(ctx context.Context, uid []byte) (int, error) {
	var before, t Target
	defer func() { before, t = Target{}, Target{} }()
	for i := range maxLists {
		found, err := d.list(ctx, &t)
		if err != nil || !found {
			return 0, err
		}
		if time.Now().After(d.noisy) || i > 0 && (t == before || t.random() && before.random()) {
			return copy(uid, t.UID[:t.N]), nil
		}
		before = t
	}
	d.noteGarbled()
	return 0, nil
}

// list looks for a card once, and switches the field off if there is one.
func (d *Dev) list(ctx context.Context, t *Target) (bool, error) {
	*t = Target{}
	found, err := d.InListPassiveTarget(ctx, t)
	if errors.Is(err, ErrTarget) {
		d.Counters.Garbled.Add(1)
		found, err = true, nil // t.N is 0
	}
	if err != nil {
		return false, err
	}
	d.pause = 0
	if !found {
		return false, nil
	}
	// A card that stays selected does not answer the next search, or only every
	// second one; without a field it is no longer selected.
	if err := d.RFConfiguration(ctx, rfField, 0); err != nil {
		d.markLost()
	}
	return true, nil
}

// Halt ends what the chip does and switches its field off. A chip that is not there is
// no error. It returns within 0.5 s. The next Poll starts the chip.
func (d *Dev) Halt() error {
	was := d.state
	d.state = unknown
	if was != ready {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if err := d.RFConfiguration(ctx, rfField, 0); err != nil {
		return fmt.Errorf("pn532: halt: %w", err)
	}
	return nil
}
