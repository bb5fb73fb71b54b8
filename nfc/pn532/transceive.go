package pn532

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"latchkey/nfc"
)

// Limits of Transceive.
const (
	// exchangeLimit is how long an APDU may take. A card may ask for more time (S(WTX)), 59
	// times its own waiting time: 4.6 s for a DESFire. It may ask again and again.
	exchangeLimit = 5 * time.Second

	maxPart  = 262  // bytes of data in one frame
	maxReply = 4096 // bytes of a whole reply, and of an APDU
)

const moreFollows = 0x40 // MI: in the target's number and in the status

// Transceive exchanges one APDU with the card that Poll has selected; longer ones than one frame
// holds in parts. Its errors are [nfc.ErrRadio], after which no exchange works until Poll has
// selected a card again, and ctx's. The driver keeps no copy of APDU and reply.
func (d *Dev) Transceive(ctx context.Context, apdu []byte) ([]byte, error) {
	if d.state != ready || !d.selected {
		return nil, nfc.ErrRadio
	}
	if len(apdu) > maxReply {
		return nil, fmt.Errorf("pn532: an APDU has at most %d bytes, not %d", maxReply, len(apdu))
	}
	defer d.wipe()
	limited, cancel := context.WithTimeout(ctx, exchangeLimit)
	defer cancel()
	reply, err := d.exchangeParts(limited, apdu)
	if err == nil {
		return reply, nil
	}
	d.selected = false
	var status cardStatus
	if !errors.As(err, &status) && !errors.Is(err, errReply) && !errors.Is(err, errTimeout) && limited.Err() == nil {
		d.markLost()
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, fmt.Errorf("%w: %w", nfc.ErrRadio, err)
}

// exchangeParts sends an APDU in parts, and joins the parts of the reply.
func (d *Dev) exchangeParts(ctx context.Context, apdu []byte) ([]byte, error) {
	for len(apdu) > maxPart {
		if _, _, err := d.inDataExchange(ctx, moreFollows, apdu[:maxPart]); err != nil {
			return nil, err
		}
		apdu = apdu[maxPart:]
	}
	part, more, err := d.inDataExchange(ctx, 0, apdu)
	var reply []byte
	for ; err == nil; part, more, err = d.inDataExchange(ctx, 0, nil) {
		if len(reply)+len(part) > maxReply || more && len(part) == 0 {
			err = errReply
			break
		}
		joined := slices.Concat(reply, part)
		clear(reply)
		if reply = joined; !more {
			return reply, nil
		}
	}
	clear(reply)
	return nil, err
}

// errReply says that a reply in parts would not end.
var errReply = errors.New("the card's reply is too long")

// cardStatus is an answer's status that is not 0 (UM0701-02 §7.1).
type cardStatus byte

func (s cardStatus) Error() string { return fmt.Sprintf("status %02X", byte(s)) }

// inDataExchange exchanges one frame's data with the card. more says that a further part of the
// reply is waiting. part is a piece of a buffer that the next transfer overwrites.
func (d *Dev) inDataExchange(ctx context.Context, flags byte, data []byte) (part []byte, more bool, err error) {
	const target = 1
	d.body = append(append(d.body[:0], cmdInDataExchange, target|flags), data...)
	r, err := d.exchange(ctx, command{body: d.body, room: 2 + maxPart, first: firstPoll, limit: exchangeLimit})
	switch {
	case err != nil:
		return nil, false, err
	case len(r) == 0:
		return nil, false, cardStatus(0xFF)
	case r[0]&^moreFollows != 0:
		return nil, false, cardStatus(r[0])
	}
	return r[1:], r[0]&moreFollows != 0, nil
}

// wipe clears what the buffers hold of a card.
func (d *Dev) wipe() {
	clear(d.txBuf[:])
	clear(d.rxBuf[:])
	for _, b := range [][]byte{d.body, d.command, d.frame} {
		clear(b[:cap(b)])
	}
}
