package handover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"time"

	"latchkey/cmd/latchkeyd/internal/adoption"
	"latchkey/cmd/latchkeyd/internal/dnssd"
	"latchkey/device/pin/tpm"
	"latchkey/sync/wire"
)

// The times of a search.
const (
	lookEvery   = 30 * time.Second // for controllers
	tpmEvery    = time.Second      // whether the request can name the TPM now
	nonceWithin = 8 * time.Second  // what the TPM wants in a first grant, after the start
	signFor     = 30 * time.Second // the TPM's part of a request
)

// A Search hands a board over. Only the reader that runs on the data directory, and that
// no site has adopted, has one.
type Search struct {
	Config
	Dir    string   // the data directory
	Reader string   // the id in the config; "": the site chooses
	Chip   *tpm.TPM // nil: the config names none
	Log    *slog.Logger

	// Shown is the fingerprint on the screen: no other request is handed over.
	Shown string
	// Tell is called with the names of the sites where the board waits, sorted and checked,
	// when the search begins and when they have changed.
	Tell func(sites []string)

	controllers controllers
	asker       *asker
	began       time.Time
	told        bool
	sites       []string
	said        string // in the log, of the search as such
}

// An Outcome is how a search has ended.
type Outcome struct {
	// Bundle has been put into the data directory, to be taken over; nil: the board has
	// another fingerprint than Shown, or ctx has ended.
	Bundle *wire.Bundle
	// Fingerprint is that of the board's request; "": ctx has ended before it was known.
	Fingerprint string
}

// Run makes the board's keys, if it has none, and hands it over until a bundle has come, ctx
// ends, or the screen has to show another fingerprint first.
func (s *Search) Run(ctx context.Context) Outcome {
	s.asker, s.began = newAsker(), time.Now()
	s.tell()
	for {
		request, fingerprint, err := s.request(ctx)
		switch {
		case ctx.Err() != nil:
			return Outcome{}
		case err == nil && fingerprint != s.Shown:
			return Outcome{Fingerprint: fingerprint}
		case err == nil:
			var bundle *wire.Bundle
			if bundle, err = s.handOver(ctx, request); bundle != nil {
				return Outcome{bundle, fingerprint}
			}
		}
		s.say(err)
		wait := lookEvery
		if errors.Is(err, adoption.ErrNotReached) {
			wait = tpmEvery
		}
		if err != nil && !sleep(ctx, wait) || ctx.Err() != nil {
			return Outcome{}
		}
	}
}

// request returns the handover, which is signed anew each time, and its fingerprint.
func (s *Search) request(ctx context.Context) (handover []byte, fingerprint string, err error) {
	if s.Chip != nil {
		// The reader asks its TPM meanwhile. Without a nonce no PIN is checked until the link
		// has brought a first grant.
		if named, waits := adoption.WaitsForGrant(s.Dir); !named || !waits && time.Since(s.began) < nonceWithin {
			return nil, "", adoption.ErrNotReached
		}
	}
	ctx, cancel := context.WithTimeout(ctx, signFor)
	defer cancel()
	id, err := adoption.MakeIdentity(ctx, s.Dir, s.Chip)
	if err != nil {
		return nil, "", err
	}
	signed, fingerprint, err := id.Request(ctx, s.Dir, true, s.Chip)
	if err != nil {
		return nil, "", err
	}
	handover, err = (&wire.Handover{Request: signed, Reader: s.Reader}).Encode()
	return handover, fingerprint, err
}

// handOver looks for controllers once, and asks each that it knows when it is due until the
// next look is.
func (s *Search) handOver(ctx context.Context, request []byte) (*wire.Bundle, error) {
	look := time.Now().Add(lookEvery)
	services, err := s.look(ctx)
	s.controllers.found(time.Now(), services)
	for now := time.Now(); now.Before(look); now = time.Now() {
		if c := s.controllers.due(now); c != nil {
			bundle, failed := s.ask(ctx, c, request)
			if bundle != nil || ctx.Err() != nil {
				return bundle, nil
			}
			s.noteFailure(c, failed)
			s.tell()
			continue
		}
		if err != nil && len(s.controllers) == 0 {
			return nil, err
		}
		if !sleep(ctx, time.Until(s.controllers.next(look))) {
			return nil, nil
		}
	}
	return nil, nil
}

// Find returns the controllers that announce themselves on the network now.
func Find(ctx context.Context) ([]dnssd.Service, error) {
	return dnssd.Browse(ctx, "_latchkey._tcp.local.")
}

// look returns the controllers that there are now.
func (s *Search) look(ctx context.Context) ([]service, error) {
	if s.Controller != DNSSD {
		return []service{{s.Controller, []string{s.Controller}}}, nil
	}
	found, err := Find(ctx)
	var all []service
	for _, f := range found {
		one := service{name: net.JoinHostPort(f.Host, strconv.Itoa(int(f.Port)))}
		for _, a := range f.Addresses {
			one.addresses = append(one.addresses, a.String())
		}
		all = append(all, one)
	}
	return all, err
}

// ask asks one controller, and puts the bundle that has come into the data directory.
func (s *Search) ask(ctx context.Context, c *controller, request []byte) (*wire.Bundle, error) {
	answer, err := s.asker.ask(ctx, c.addresses, request)
	now := time.Now() // it may have taken a while
	var bundle *wire.Bundle
	if err == nil {
		bundle, err = s.take(answer)
	}
	if err != nil {
		s.controllers.failed(now, c, err)
		return nil, err
	}
	s.controllers.waits(now, c, answer.Site)
	return bundle, nil
}

// take puts the bundle of an answer, if there is one, into the data directory.
func (s *Search) take(answer *wire.HandoverAnswer) (*wire.Bundle, error) {
	if key := wire.Fingerprint(answer.Controller[:]); !s.takes(key) {
		return nil, fmt.Errorf("the key of its controller is %s, and adoption.key in the config another one", key)
	}
	if len(answer.Bundle) == 0 {
		return nil, nil
	}
	return adoption.Receive(s.Dir, answer, s.Reader)
}

// noteFailure logs why a controller could not be asked, or its answer was not taken, once.
func (s *Search) noteFailure(c *controller, err error) {
	said := ""
	if err != nil {
		said = err.Error()
	}
	if said != "" && said != c.said {
		s.Log.Warn("no adoption by a controller that was asked", "controller", c.name, "err", err)
	}
	c.said = said
}

// say logs what is wrong with the search as such, once.
func (s *Search) say(err error) {
	said := fmt.Sprint(err)
	if err != nil && said != s.said && !errors.Is(err, adoption.ErrNotReached) {
		s.Log.Warn("no controller can be looked for: tried again", "err", err)
	}
	s.said = said
}

// tell tells where the board waits if that has changed.
func (s *Search) tell() {
	sites := s.controllers.sites()
	if s.told && slices.Equal(sites, s.sites) {
		return
	}
	s.told, s.sites = true, sites
	if len(sites) > 0 {
		s.Log.Info("waits for an administrator to adopt it", "sites", sites)
	}
	s.Tell(sites)
}

// sleep waits, and returns false if ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
