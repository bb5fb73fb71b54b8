package handover

import (
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"latchkey/cmd/latchkeyd/internal/dnssd"
)

// When a controller is asked again: in 3 s while the board waits there, and after each failure
// twice as long, up to a minute, or as the controller says within these. Each wait differs by
// up to a fifth.
const (
	askEvery    = 3 * time.Second
	askAtLatest = time.Minute
)

// A controller is one that the board hands itself over to.
type controller struct {
	name      string   // HOST:PORT
	addresses []string // HOST:PORT, tried in order
	found     bool     // by the last look
	due       time.Time
	wait      time.Duration // of the last failure; 0: there was none since it answered
	site      string        // where the board waits; "": nowhere
	said      string        // in the log
}

// controllers are those that a board hands itself over to, at most dnssd.MaxServices.
type controllers []*controller

// found takes what a look has found. One that it has not found stays only as long as the board
// waits there.
func (cs *controllers) found(now time.Time, services []service) {
	for _, c := range *cs {
		c.found = false
	}
	*cs = slices.DeleteFunc(*cs, func(c *controller) bool {
		return c.site == "" && !slices.ContainsFunc(services, func(s service) bool { return s.name == c.name })
	})
	for _, s := range services {
		i := slices.IndexFunc(*cs, func(c *controller) bool { return c.name == s.name })
		if i < 0 {
			if len(*cs) == dnssd.MaxServices {
				continue
			}
			i = len(*cs)
			*cs = append(*cs, &controller{name: s.name, due: now})
		}
		(*cs)[i].found, (*cs)[i].addresses = true, s.addresses
	}
}

// A service is a controller as a look finds it.
type service struct {
	name      string
	addresses []string
}

// due returns a controller that is to be asked now; nil: none is.
func (cs controllers) due(now time.Time) *controller {
	var first *controller
	for _, c := range cs {
		if !c.due.After(now) && (first == nil || c.due.Before(first.due)) {
			first = c
		}
	}
	return first
}

// next returns when the next one is to be asked, or else later.
func (cs controllers) next(later time.Time) time.Time {
	for _, c := range cs {
		if c.due.Before(later) {
			later = c.due
		}
	}
	return later
}

// waits notes that the board waits at a controller's site.
func (cs controllers) waits(now time.Time, c *controller, site string) {
	c.site, c.wait, c.due = site, 0, now.Add(about(askEvery))
}

// failed notes that a controller could not be asked, or that its answer is not taken.
func (cs *controllers) failed(now time.Time, c *controller, err error) {
	c.site, c.wait = "", min(max(2*c.wait, askEvery), askAtLatest)
	var said *refusal
	if errors.As(err, &said) && said.after > 0 {
		c.wait = min(max(said.after, askEvery), askAtLatest)
	}
	c.due = now.Add(about(c.wait))
	if !c.found {
		*cs = slices.DeleteFunc(*cs, func(other *controller) bool { return other == c })
	}
}

// about returns a duration that differs from d by up to a fifth.
func about(d time.Duration) time.Duration { return d*4/5 + rand.N(d*2/5) }

// sites returns where the board waits, each site once, by name.
func (cs controllers) sites() []string {
	var all []string
	for _, c := range cs {
		if c.site != "" {
			all = append(all, c.site)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
