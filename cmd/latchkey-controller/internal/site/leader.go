package site

import (
	"context"
	"strings"
)

// Leader names the controller that serves the site, as the database knows it: "the controller on
// HOST (ADDRESS)". It is "" if none does, or if it is not known, as with SQLite.
func (s *Site) Leader(ctx context.Context) string {
	name, from := s.store.Leader(ctx)
	if host, is := strings.CutPrefix(name, "latchkey-controller on "); is {
		name = "the controller on " + host
	}
	if from != "" { // otherwise it is at a socket
		name += " (" + from + ")"
	}
	return name
}
