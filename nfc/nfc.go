// Package nfc reports when a card is presented to the reader and when it is taken away, with a
// chip that can only be asked which card it sees right now.
//
// A card's UID identifies it and proves nothing: it can be copied, and some cards and most
// phones make up a new one each time.
package nfc

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"
)

// Chip is an NFC controller. Poll looks for a card once: it writes the card's UID into uid,
// which has room for 10 bytes, and returns its length, or 0 without a card. It starts and
// restarts the chip by itself and returns an error while the chip does not work, with the same
// text for the same fault. *pn532.Dev is one.
type Chip interface {
	Poll(ctx context.Context, uid []byte) (int, error)
}

// Event is one of [Presented], [Removed] and [Health].
type Event interface{ event() }

// Presented says that a card is there that was not there before. Its UID has 4, 7 or 10 bytes,
// leading zeros included, and belongs to the receiver, who wipes it after use.
type Presented struct{ UID []byte }

// Removed says that no card is there any more.
type Removed struct{}

// Health says whether cards can be read; Err is nil if they can. The first one comes as soon as
// that is known, further ones when a change has lasted for a second: a chip that recovers at
// once is not reported.
type Health struct{ Err error }

func (Presented) event() {}
func (Removed) event()   {}
func (Health) event()    {}

// A card is found within a quarter of a second with some 13 wake-ups a second (three a poll of
// the PN532), and its removal after 0.9 s.
const (
	interval        = 225 * time.Millisecond // from one poll to the next while no card is there
	presentInterval = 400 * time.Millisecond // the same while one is there
	maxMisses       = 3                      // polls in a row without a card until Removed

	// hiddenFor is how long a card that is not seen counts as present while another one is
	// seen: of two on the antenna a chip finds now one, now the other.
	hiddenFor = 10 * time.Second

	steadyFor = time.Second // how long a change of health lasts until it is reported
	maxCards  = 4           // more than anybody holds to an antenna at once
)

// Poller follows which cards are on one chip's antenna.
type Poller struct {
	chip Chip

	present  []card // at most maxCards, the one seen last at the end
	misses   int
	health   string    // the text of the last Health.Err
	reported bool      // there was a Health
	other    string    // the text of another state
	since    time.Time // of that state; zero if there is none
}

// card is a card that is there; n is 0 for none.
type card struct {
	uid  [10]byte
	n    int
	seen time.Time
}

// random reports whether the card has made up its UID (ISO/IEC 14443-3: four bytes, the first
// of them 08).
func (c *card) random() bool { return c.n == 4 && c.uid[0] == 0x08 }

// same reports whether c and o may be one card: those with random UIDs always may.
func (c *card) same(o *card) bool {
	return c.n == o.n && c.uid == o.uid || c.random() && o.random()
}

// New makes a poller.
func New(c Chip) *Poller { return &Poller{chip: c, present: make([]card, 0, maxCards)} }

// Run polls until ctx is done and returns ctx's error. It calls on for each event, and polling
// waits until on returns. Cards that are there at the end are forgotten without an event.
func (r *Poller) Run(ctx context.Context, on func(Event)) error {
	defer r.forget()
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-next.C:
		}
		gap := r.poll(ctx, on)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		next.Reset(gap)
	}
}

// poll polls once, reports what has changed, and returns how long to wait until the next poll.
func (r *Poller) poll(ctx context.Context, on func(Event)) time.Duration {
	begin := time.Now()
	c := card{seen: begin}
	defer clear(c.uid[:])
	n, err := r.chip.Poll(ctx, c.uid[:])
	if ctx.Err() != nil {
		return 0
	}
	if err == nil && n != 0 && n != 4 && n != 7 && n != 10 {
		err = errors.New("nfc: the chip gave no UID of 4, 7 or 10 bytes")
	}
	if err == nil {
		c.n = n
	}
	clear(c.uid[c.n:])
	r.reportHealth(err, on)
	r.update(&c, on)
	gap := interval
	if len(r.present) != 0 && r.misses == 0 {
		gap = presentInterval
	}
	return max(gap-time.Since(begin), gap/4) // a slow chip must not take all of the processor
}

// update takes what a poll has found. A poll that failed counts as a miss: otherwise a card that
// was taken away and presented again while the chip was out of order would never open the door.
func (r *Poller) update(c *card, on func(Event)) {
	if c.n == 0 {
		if r.misses++; len(r.present) != 0 && r.misses >= maxMisses {
			r.forget()
			on(Removed{})
		}
		return
	}
	r.misses = 0
	known := false
	r.present = slices.DeleteFunc(r.present, func(t card) bool {
		known = known || t.same(c)
		return t.same(c) || c.seen.Sub(t.seen) >= hiddenFor
	})
	if len(r.present) == maxCards {
		r.present = slices.Delete(r.present, 0, 1)
	}
	r.present = append(r.present, *c)
	if !known {
		on(Presented{bytes.Clone(c.uid[:c.n])})
	}
}

// forget forgets all cards.
func (r *Poller) forget() {
	clear(r.present)
	r.present = r.present[:0]
}

// reportHealth reports the chip's health if it has changed and that has lasted. Errors with the
// same text are the same fault.
func (r *Poller) reportHealth(err error, on func(Event)) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	switch {
	case !r.reported:
	case text == r.health:
		r.since = time.Time{}
		return
	case r.since.IsZero() || text != r.other:
		r.other, r.since = text, time.Now()
		return
	case time.Since(r.since) < steadyFor:
		return
	}
	r.reported, r.health, r.since = true, text, time.Time{}
	on(Health{Err: err})
}
