// Package nfc tells when a card is presented to the reader and when it is taken
// away, from a chip that can only be asked which card it sees right now.
//
// A card's UID is its identifier and nothing more: it can be copied, and some
// cards and most telephones make up a new one each time (see [Presented.Random]).
package nfc

import (
	"bytes"
	"context"
	"errors"
	"slices"
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

// Removed says that no card is there any more.
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
	// Misses is how many polls in a row have to find no card until none is there.
	Misses int
	// Hidden is how long a card that another one hides counts as still there:
	// of two that lie on the reader a chip finds now the one, now the other.
	Hidden time.Duration
	// Steady is how long a change of health must last until it is told.
	Steady time.Duration
}

// DefaultOpts sees a card within a quarter of a second at some 13 wake-ups a
// second (three a poll of the PN532), and its removal after 0.9 s.
var DefaultOpts = Opts{
	Interval: 225 * time.Millisecond,
	Present:  400 * time.Millisecond,
	Misses:   3,
	Hidden:   10 * time.Second,
	Steady:   time.Second,
}

// Reader follows what lies on one chip's antenna.
type Reader struct {
	chip Chip
	opts Opts

	there  []card // at most mostCards, that which was seen last at the end
	misses int
	health string    // Err's text of the last Health
	told   bool      // there was one
	other  string    // another text, of the polls since
	since  time.Time // zero if there is none
}

// mostCards is more than lie on an antenna by chance.
const mostCards = 4

// card is one that is there; n is 0 for none.
type card struct {
	uid  [10]byte
	n    int
	seen time.Time
}

// random as ISO/IEC 14443-3 says it.
func (c *card) random() bool { return c.n == 4 && c.uid[0] == 0x08 }

// same holds of a card that makes up a new number at each look, too.
func (c *card) same(o *card) bool {
	return c.n == o.n && c.uid == o.uid || c.random() && o.random()
}

// New makes a reader. o may be nil.
func New(c Chip, o *Opts) *Reader {
	if o == nil {
		o = &DefaultOpts
	}
	r := &Reader{chip: c, opts: *o, there: make([]card, 0, mostCards)}
	if r.opts.Interval <= 0 {
		r.opts.Interval = DefaultOpts.Interval
	}
	if r.opts.Present <= 0 {
		r.opts.Present = DefaultOpts.Present
	}
	if r.opts.Misses <= 0 {
		r.opts.Misses = DefaultOpts.Misses
	}
	if r.opts.Hidden <= 0 {
		r.opts.Hidden = DefaultOpts.Hidden
	}
	if r.opts.Steady <= 0 {
		r.opts.Steady = DefaultOpts.Steady
	}
	return r
}

// Run polls until ctx ends and returns ctx's error. It calls on, from its own
// goroutine, for each event; on hands off and returns, for polling waits for it.
// Cards that are there at the end are forgotten without an event.
func (r *Reader) Run(ctx context.Context, on func(Event)) error {
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

// poll looks once, tells what has changed, and returns how long to wait before
// the next look.
func (r *Reader) poll(ctx context.Context, on func(Event)) time.Duration {
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
	r.tell(err, on)
	r.follow(&c, on)
	gap := r.opts.Interval
	if len(r.there) != 0 && r.misses == 0 {
		gap = r.opts.Present
	}
	return max(gap-time.Since(begin), gap/4) // a slow chip does not get the processor
}

// follow compares what is there with what was. A poll that failed says nothing
// about cards and counts as a miss: else a card that was taken away and
// presented again while the chip was out of order would never open the door.
func (r *Reader) follow(c *card, on func(Event)) {
	if c.n == 0 {
		if r.misses++; len(r.there) != 0 && r.misses >= r.opts.Misses {
			r.forget()
			on(Removed{})
		}
		return
	}
	r.misses = 0
	known := false
	r.there = slices.DeleteFunc(r.there, func(t card) bool {
		known = known || t.same(c)
		return t.same(c) || c.seen.Sub(t.seen) >= r.opts.Hidden
	})
	if len(r.there) == mostCards {
		r.there = slices.Delete(r.there, 0, 1)
	}
	r.there = append(r.there, *c)
	if !known {
		on(Presented{UID: bytes.Clone(c.uid[:c.n]), Random: c.random()})
	}
}

// forget forgets all cards.
func (r *Reader) forget() {
	clear(r.there)
	r.there = r.there[:0]
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
