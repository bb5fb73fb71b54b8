package main

import (
	"context"
	"fmt"
	"slices"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// A rollout is how far the newest credentials have come.
type rollout struct {
	readers   []*desk.Reader // that have a board
	confirmed int            // of these, that have them
	running   bool           // a controller runs, so that others follow
	elsewhere desk.Elsewhere // the controller that runs elsewhere
}

// newRollout returns how far the newest credentials have come, and whether readers that are
// online do not have them yet.
func newRollout(readers []*desk.Reader, running bool) (s *rollout, awaited bool) {
	s = &rollout{running: running}
	for _, r := range readers {
		switch {
		case r.Bundle == 0:
			continue
		case hasNewest(r):
			s.confirmed++
		case r.Live.Online:
			awaited = true
		}
		s.readers = append(s.readers, r)
	}
	return s, awaited
}

// hasNewest says whether a reader has the newest credentials. A controller that has not seen
// yet what this command did still takes it for current.
func hasNewest(r *desk.Reader) bool { return r.Live.Current && r.Live.Revision >= r.Live.Newest }

// awaitRollout returns how far the newest credentials have come when all readers that are
// online have them, or time is over. No wait is of use while no controller runs.
func (c *invocation) awaitRollout(ctx context.Context, noWait bool) (s *rollout, err error) {
	err = await(ctx, noWait, func() (awaited bool, err error) {
		readers, running, err := c.readersNow(ctx)
		if err == nil {
			s, awaited = newRollout(readers, running)
			if !running {
				s.elsewhere = c.desk.ServedElsewhere(ctx)
			}
		}
		return awaited, err
	})
	return s, err
}

// text says how many readers have confirmed, as the rest of a sentence; "": there are none.
func (s *rollout) text() string {
	if len(s.readers) == 0 {
		return ""
	}
	readers := "readers"
	if len(s.readers) == 1 {
		readers = "reader"
	}
	text := fmt.Sprintf(": %d of %d %s confirmed it", s.confirmed, len(s.readers), readers)
	if !s.running {
		text += "; " + s.elsewhere.Readers()
	}
	return text
}

// printRest prints the readers that have not confirmed, if a controller runs.
func (c *invocation) printRest(ctx context.Context, s *rollout) error {
	in, err := c.desk.Zone(ctx)
	if err != nil || !s.running {
		return err
	}
	for _, r := range slices.DeleteFunc(slices.Clone(s.readers), hasNewest) {
		is := "has not confirmed yet"
		switch {
		case r.Live.Unled:
			is = "not known now: no controller that leads its cell answers"
		case !r.Live.Known:
			is = "not heard of yet, will follow"
		case !r.Live.Online:
			is = "offline since " + shortTime(r.Live.Heard, in) + ", will follow"
		case r.CutOff:
			is = "gets no credentials until it is updated"
		}
		if _, err := fmt.Fprintf(c.out, "  %s (%s): %s\n", desk.Clean(r.Door), r.ID, is); err != nil {
			return err
		}
	}
	return nil
}
