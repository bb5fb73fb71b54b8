// Package nfc tells when a card is presented to the reader and when it is taken
// away, from a chip that can only be asked which card it sees right now.
//
// A card's UID is its identifier and nothing more: it can be copied, and some
// cards and most telephones make up a new one each time (see [Presented.Random]).
package nfc

import (
	"context"
	"errors"
	"time"
)

// Chip looks for a card once. It writes the card's UID into uid, which has room
// for 10 bytes, and returns its length, or 0 without a card. It starts and
// restarts its hardware by itself and returns an error while that does not work;
// errors of one fault read the same. *pn532.Dev is one.
type Chip interface {
	Poll(ctx context.Context, uid []byte) (int, error)
}

// Event is one of [Presented], [Removed] and [Health].
type Event interface{ event() }

// Presented says that a card is there that was not before.
type Presented struct {
	// UID has 4, 7 or 10 bytes, leading zeros included. It is the receiver's
	// own, to be wiped when it is done with.
	UID []byte
	// Random says that the card has made the UID up (ISO/IEC 14443-3: four
	// bytes, the first of them 08): it identifies nobody.
	Random bool
}

// Removed says that the card that was presented last is gone.
type Removed struct{}

// Health says whether cards can be read: Err is nil if so. It comes first, as
// soon as that is known, and then when another state has lasted for Opts.Steady:
// a chip that stumbles and recovers is nobody's concern.
type Health struct{ Err error }

func (Presented) event() {}
func (Removed) event()   {}
func (Health) event()    {}

// Opts holds the reader's times. A zero field means the default's.
type Opts struct {
	// Interval is between the beginnings of two polls while no card is there.
	Interval time.Duration
	// Present is that between two polls while a card lies on the reader.
	Present time.Duration
	// Misses is how many polls in a row have to miss a card until it is gone.
	Misses int
	// Steady is how long a change of health must last until it is told.
	Steady time.Duration
}

// DefaultOpts sees a card within a quarter of a second at some 13 wake-ups a
// second (three a poll of the PN532), and its removal after 0.9 s.
var DefaultOpts = Opts{
	Interval: 225 * time.Millisecond,
	Present:  400 * time.Millisecond,
	Misses:   3,
	Steady:   time.Second,
}

// Reader follows what lies on one chip's antenna.
type Reader struct {
	chip Chip
	opts Opts

	card   card
	misses int
	health string    // Err's text of the last Health
	told   bool      // there was one
	other  string    // another text, of the polls since
	since  time.Time // zero if there is none
}

// card is the one that is there; n is 0 if none is.
type card struct {
	uid [10]byte
	n   int
}

// random as ISO/IEC 14443-3 says it.
func (c *card) random() bool { return c.n == 4 && c.uid[0] == 0x08 }

// New makes a reader. o may be nil.
func New(c Chip, o *Opts) *Reader {
	if o == nil {
		o = &DefaultOpts
	}
	r := &Reader{chip: c, opts: *o}
	if r.opts.Interval <= 0 {
		r.opts.Interval = DefaultOpts.Interval
	}
	if r.opts.Present <= 0 {
		r.opts.Present = DefaultOpts.Present
	}
	if r.opts.Misses <= 0 {
		r.opts.Misses = DefaultOpts.Misses
	}
	if r.opts.Steady <= 0 {
		r.opts.Steady = DefaultOpts.Steady
	}
	return r
}

// Run polls until ctx ends and returns ctx's error. It calls on, from its own
// goroutine, for each event; on hands off and returns, for polling waits for it.
// A card that is there at the end is forgotten without an event.
func (r *Reader) Run(ctx context.Context, on func(Event)) error {
	defer func() { r.card = card{} }()
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

// poll looks once, tells what has changed, and returns how long to wait before
// the next look.
func (r *Reader) poll(ctx context.Context, on func(Event)) time.Duration {
	begin := time.Now()
	var c card
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
	r.tell(err, on)
	r.follow(&c, on)
	gap := r.opts.Interval
	if r.card.n != 0 && r.misses == 0 {
		gap = r.opts.Present
	}
	return max(gap-time.Since(begin), gap/4) // a slow chip does not get the processor
}

// follow compares what is there with what was. A poll that failed says nothing
// about the card and counts as a miss: else a card that was taken away and
// presented again while the chip was out of order would never open the door.
func (r *Reader) follow(c *card, on func(Event)) {
	switch {
	case c.n == 0 && r.card.n == 0:
	case c.n == 0:
		if r.misses++; r.misses >= r.opts.Misses {
			r.gone(on)
		}
	case r.card.n == 0:
		r.come(c, on)
	case r.card == *c:
		r.misses = 0
	case r.card.random() && c.random():
		// The same card with a new number: it makes one at each look.
		r.card, r.misses = *c, 0
	default:
		r.gone(on)
		r.come(c, on)
	}
}

func (r *Reader) come(c *card, on func(Event)) {
	r.card, r.misses = *c, 0
	uid := make([]byte, c.n)
	copy(uid, c.uid[:c.n])
	on(Presented{UID: uid, Random: c.random()})
}

func (r *Reader) gone(on func(Event)) {
	r.card, r.misses = card{}, 0
	on(Removed{})
}

// tell reports the chip's health if it is new and lasts. Errors with the same
// text are the same fault.
func (r *Reader) tell(err error, on func(Event)) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	switch {
	case !r.told:
	case text == r.health:
		r.since = time.Time{}
		return
	case r.since.IsZero() || text != r.other:
		r.other, r.since = text, time.Now()
		return
	case time.Since(r.since) < r.opts.Steady:
		return
	}
	r.told, r.health, r.since = true, text, time.Time{}
	on(Health{Err: err})
}
