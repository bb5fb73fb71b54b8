package nfc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
)

var (
	// ErrGone says that the card is not there any more, or that its time is over.
	ErrGone = errors.New("nfc: the card is gone")
	// ErrRadio says that an exchange failed, and with it every session on the card. The card
	// may still be there.
	ErrRadio = errors.New("nfc: the radio failed: select the card anew")
)

// Card is a presented card. It may be used until the function that was told of it returns.
// Then, and when the card is gone, its methods return [ErrGone]. They may be called from any
// goroutine, one after the other.
type Card struct {
	UID  []byte  // 4, 7 or 10 bytes, leading zeros included; it belongs to the receiver, who wipes it
	ATQA [2]byte // the high byte first
	SAK  byte
	ATS  []byte // with its length in front; nil without one

	over context.Context // done when its time is over
	stop context.CancelFunc

	turn chan struct{} // holds a value while a method uses what follows
	chip Chip
	uid  []byte // what Select looks for
	left bool   // Select did not find it
}

func newCard(ctx context.Context, chip Chip, t *Target) *Card {
	c := &Card{UID: bytes.Clone(t.UID[:t.N]), ATQA: t.ATQA, SAK: t.SAK, turn: make(chan struct{}, 1), chip: chip, uid: bytes.Clone(t.UID[:t.N])}
	if t.ATSLen > 0 {
		c.ATS = bytes.Clone(t.ATS[:t.ATSLen])
	}
	c.over, c.stop = context.WithCancel(ctx)
	return c
}

// end ends the card's time, and an exchange that is under way. It returns whether the card
// has left.
func (c *Card) end() bool {
	c.stop()
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	clear(c.uid)
	return c.left
}

// ISO14443_4 reports whether the card takes APDUs (ISO/IEC 14443-4).
func (c *Card) ISO14443_4() bool { return c.SAK&0x20 != 0 }

// Transceive exchanges one APDU. After [ErrRadio] and errors of ctx the card needs a
// [Card.Select].
func (c *Card) Transceive(ctx context.Context, apdu []byte) (reply []byte, err error) {
	err = c.use(ctx, func(ctx context.Context) error {
		reply, err = c.chip.Transceive(ctx, apdu)
		return err
	})
	return reply, err
}

// Times of Select.
const (
	selectWithin = 150 * time.Millisecond // for the chip to find a card
	maxSelects   = 3                      // as another card may lie beside it
)

// Select selects the card anew, after the field was off: every session has ended. It returns
// [ErrGone] if the card is not there. A card with a random UID cannot be told from others and
// is never found again.
func (c *Card) Select(ctx context.Context) error {
	return c.use(ctx, func(ctx context.Context) error {
		var t Target
		defer func() { t = Target{} }()
		for range maxSelects {
			c.chip.Release()
			found, err := c.chip.Poll(ctx, selectWithin, &t)
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case err != nil:
				return fmt.Errorf("%w: %w", ErrRadio, err)
			case !found:
				c.left = true
				return ErrGone
			case bytes.Equal(t.UID[:t.N], c.uid):
				return nil
			}
		}
		c.chip.Release() // another card must not get this one's APDUs
		c.left = true
		return ErrGone
	})
}

// use lets f use the chip, unless the card's time is over. It ends f's context with that time.
func (c *Card) use(ctx context.Context, f func(context.Context) error) error {
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	if c.over.Err() != nil {
		return ErrGone
	}
	limited, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.over, cancel)()
	err := f(limited)
	if err != nil && ctx.Err() == nil && c.over.Err() != nil {
		return ErrGone
	}
	return err
}
