// Package nfc reports when a card is presented to the reader and when it is taken away, and
// exchanges APDUs with it while it is there.
//
// A card's UID identifies it and proves nothing: it can be copied, and some cards and most
// phones make up a new one each time.
package nfc

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Chip is an NFC controller. It starts and restarts by itself. *pn532.Dev is one.
type Chip interface {
	// Poll waits until there is a card, for as long as within says, and selects it. It
	// returns an error while the chip does not work, with the same text for the same fault.
	Poll(ctx context.Context, within time.Duration, t *Target) (bool, error)

	// Transceive exchanges one APDU with the card that Poll has selected. Its errors are
	// [ErrRadio] and ctx's.
	Transceive(ctx context.Context, apdu []byte) ([]byte, error)

	// Release switches the field off: the card loses its power and with it every session.
	Release()
}

// Target is a card as a chip has found it.
type Target struct {
	N      int // bytes of the UID: 4, 7 or 10
	UID    [10]byte
	ATQA   [2]byte // the high byte first
	SAK    byte
	ATSLen int // bytes of the ATS, the first of which counts them; 0 without one
	ATS    [64]byte
}

// Random reports whether the card has made up its UID (ISO/IEC 14443-3: four bytes, the first
// of them 08), which changes each time.
func (t *Target) Random() bool { return t.N == 4 && t.UID[0] == 0x08 }

// Event is one of [Presented], [Removed] and [Health].
type Event interface{ event() }

// Presented says that a card is there that was not there before.
type Presented struct{ Card *Card }

// Removed says that no card is there any more.
type Removed struct{}

// Health says whether cards can be read; Err is nil if they can. The first one comes as soon as
// that is known, further ones when a change has lasted for a second: a chip that recovers at
// once is not reported.
type Health struct{ Err error }

func (Presented) event() {}
func (Removed) event()   {}
func (Health) event()    {}

const (
	searchFor       = 2 * time.Second        // a poll while no card is there: the chip searches and tells at once
	interval        = 225 * time.Millisecond // from one poll to the next if there was neither a card nor a search
	presentInterval = 400 * time.Millisecond // from one poll to the next while a card is there
	lookFor         = 160 * time.Millisecond // such a poll; longer without a card is a miss
	maxMisses       = 3                      // polls in a row without a card until Removed, after 0.9 s at most

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

// card is a card that is there.
type card struct {
	Target
	seen time.Time
}

// same reports whether c and t may be one card: those with random UIDs always may.
func (c *card) same(t *Target) bool {
	return c.N == t.N && c.UID == t.UID || c.Random() && t.Random()
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
	var t Target
	defer func() { t = Target{} }()
	within := r.patience()
	found, err := r.chip.Poll(ctx, within, &t)
	if found {
		defer r.chip.Release()
	}
	if ctx.Err() != nil {
		return 0
	}
	if found && t.N != 4 && t.N != 7 && t.N != 10 {
		found, err = false, errors.New("nfc: the chip gave no UID of 4, 7 or 10 bytes")
	}
	r.reportHealth(err, on)
	if found {
		r.see(ctx, &t, on)
		return max(presentInterval-time.Since(begin), presentInterval/4)
	}
	r.miss(on)
	if err != nil {
		return max(interval-time.Since(begin), interval/4) // a slow chip must not take all of the processor
	}
	return min(interval, within) - time.Since(begin)
}

// patience returns how long the next poll may wait for a card.
func (r *Poller) patience() time.Duration {
	switch {
	case len(r.present) != 0:
		return lookFor
	case !r.reported || !r.since.IsZero(): // soon more will be known of the chip
		return interval
	}
	return searchFor
}

// miss takes a poll without a card. One that failed is one, too: otherwise a card that was taken
// away and presented again while the chip was out of order would never open the door.
func (r *Poller) miss(on func(Event)) {
	if r.misses++; len(r.present) != 0 && r.misses >= maxMisses {
		r.forget()
		on(Removed{})
	}
}

// see takes a card that a poll has found.
func (r *Poller) see(ctx context.Context, t *Target, on func(Event)) {
	r.misses = 0
	now, known := time.Now(), false
	r.present = slices.DeleteFunc(r.present, func(c card) bool {
		same := c.same(t)
		known = known || same
		return same || now.Sub(c.seen) >= hiddenFor
	})
	if len(r.present) == maxCards {
		r.present = slices.Delete(r.present, 0, 1)
	}
	if !known {
		c := newCard(ctx, r.chip, t)
		on(Presented{c})
		for i := range r.present { // nobody looked for them meanwhile
			r.present[i].seen = r.present[i].seen.Add(time.Since(now))
		}
		if c.end() { // so that it is new when it is shown again, however soon
			if len(r.present) == 0 {
				on(Removed{})
			}
			return
		}
	}
	r.present = append(r.present, card{*t, time.Now()})
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
