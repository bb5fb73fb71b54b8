// Package desk is every act of an administrator, whoever asks: the console, or
// the command line. It checks who may do it in one place, does it, and notes
// who did what to whom, in one transaction.
//
// What it returns for people is in English and ready to be shown. Times are
// moments; the caller chooses the zone.
package desk

import (
	"context"
	"log/slog"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// Live is the running link to the readers; *link.Link is one.
type Live interface {
	// Order takes an order to a reader and waits for what came of it. card
	// takes the card of an enrol, whose bytes are wiped after it.
	Order(ctx context.Context, o store.Order, card func(uid []byte) (text string, ok bool)) (link.Outcome, error)
	Readers(ctx context.Context) ([]link.Reader, error)
}

// Options are what a desk is made of.
type Options struct {
	Site  *site.Site
	Live  Live                 // nil: no controller runs in this process
	Clock func() clock.Reading // nil: clock.Read
	Log   *slog.Logger         // nil: none
}

// A Desk is where administrators act. Its methods may be called by several
// goroutines.
type Desk struct {
	site *site.Site
	live Live
	read func() clock.Reading
	log  *slog.Logger

	doubted        bool // the clock, when Tend looked last
	enrolments     enrolments
	memory         uint32        // KiB that a password is derived with
	hashing        chan struct{} // bounds the passwords that are derived at once
	unknownClients chan struct{} // bounds those who wait for that and are not known
}

// New returns the desk of a site.
func New(o Options) *Desk {
	d := &Desk{site: o.Site, live: o.Live, read: o.Clock, log: o.Log, memory: passwordMemory, hashing: make(chan struct{}, 2), unknownClients: make(chan struct{}, 16)}
	if d.read == nil {
		d.read = clock.Read
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	return d
}

// Site says whose desk this is: the site's name, and the fingerprint of the
// controller's signing key, which latchkeyd adopt shows too.
func (d *Desk) Site() (name, fingerprint string) { return d.site.Name, d.site.Fingerprint() }

// A FullError says that the controller's disk is full, and where.
type FullError = store.FullError

// Full returns a FullError if the disk is full: then administrators' acts are
// kept in space kept for them, and what readers report waits at the readers.
func (d *Desk) Full() error { return d.site.Full() }
