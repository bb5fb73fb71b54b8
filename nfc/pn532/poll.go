package pn532

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// pollLimit bounds a Poll, whatever the chip does.
const pollLimit = 2 * time.Second

// Poll looks for a card once. It returns the length of the card's UID, 4, 7 or
// 10 bytes, which it puts into uid (room for 10), leading zeros included, and 0
// if there is none. It keeps no copy.
//
// A chip that is not running is started first; one that fails is started anew
// and asked again, once, without an error. Where that does not help, Poll returns
// [ErrAbsent], [ErrConfused], [ErrNotPN532] or the port's error, at once and
// without a transfer until the wait for the next start (0.25 s, doubling to 3 s)
// is over. The same fault gives the same error text.
//
// A frame has one byte of checksum, which two flipped bits in 50 pass. So while
// frames are garbled now and then, a card is listed again until two lists in a
// row agree, which costs a further 10 transfers; one that is another at each of
// four is none. Cards that make their UID up agree with each other.
//
// A Poll on an empty field is 5 transfers and three short sleeps at most
// (for the ACK, for the answer, rarely a second look: one transfer more); with a
// card it is 10, because the field is then switched off, so that the card answers
// the next time as if it were new. Poll returns within 2 s and one transfer; on
// ctx's end it aborts what the chip does and returns ctx's error.
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
		n, err := d.look(ctx, uid)
		if err == nil || ctx.Err() != nil {
			return n, err
		}
		d.lose()
	}
	return 0, d.fail(ErrConfused)
}

func (d *Dev) lose() {
	d.state = lost
	d.count.losses.Add(1)
}

// agree is how many lists are made to get two in a row that are the same.
const agree = 4

// look lists until what it finds can be believed.
func (d *Dev) look(ctx context.Context, uid []byte) (int, error) {
	var before, t Target
	defer func() { before, t = Target{}, Target{} }()
	for i := range agree {
		found, err := d.list(ctx, &t)
		if err != nil || !found {
			return 0, err
		}
		if time.Now().After(d.noisy) || i > 0 && (t == before || t.random() && before.random()) {
			return copy(uid, t.UID[:t.N]), nil
		}
		before = t
	}
	d.garble()
	return 0, nil
}

// list lists once, and lets the card go again.
func (d *Dev) list(ctx context.Context, t *Target) (bool, error) {
	*t = Target{}
	found, err := d.InListPassiveTarget(ctx, t)
	if errors.Is(err, ErrTarget) {
		d.count.garbled.Add(1)
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
	// second one; without a field it forgets that it was.
	if err := d.RFConfiguration(ctx, rfField, 0); err != nil {
		d.lose()
	}
	return true, nil
}

// Halt ends what the chip does and switches its field off, without an error if
// the chip is not there. It returns within 0.5 s. The next Poll starts the chip.
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
