package site

import (
	"context"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// Lead takes the right to serve the site, which the caller closes. The error says who has it.
func (s *Site) Lead(ctx context.Context) (*store.Lead, error) { return s.store.Lead(ctx) }

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

// Place says where the site's database is, for people.
func (s *Site) Place() string { return s.store.Place() }

// Database is Place, with the kind of database before it.
func (s *Site) Database() string { return s.store.Kind() + ", " + s.Place() }
