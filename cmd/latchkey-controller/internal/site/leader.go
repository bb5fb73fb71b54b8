package site

import (
	"context"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// Lead is store.Store.Lead. The error is a ResealedError if the storage key was changed meanwhile.
func (s *Site) Lead(ctx context.Context, standBy func(*store.ServedError) error) (*store.Lead, error) {
	lead, err := s.store.Lead(ctx, standBy)
	if err != nil {
		return nil, err
	}
	if err := s.StorageKeyChanged(ctx); err != nil {
		lead.Close()
		return nil, err
	}
	return lead, nil
}

// Alone is store.Store.Alone.
func (s *Site) Alone(ctx context.Context) (release func(), err error) { return s.store.Alone(ctx) }

// Controllers is store.Store.Controllers. Their names are for people: "the controller on HOST".
func (s *Site) Controllers(ctx context.Context) ([]store.Controller, error) {
	all, err := s.store.Controllers(ctx)
	for i := range all {
		all[i].Name = controllerName(all[i].Name)
	}
	return all, err
}

// Leader names the controller that leads the site, as the database knows it: "the controller on
// HOST (ADDRESS)". It is "" if none does, or if it is not known, as with SQLite.
func (s *Site) Leader(ctx context.Context) string {
	all, _ := s.Controllers(ctx) // an error leaves it empty
	for _, c := range all {
		if c.Leads {
			if c.From != "" { // otherwise it is at a socket
				return c.Name + " (" + c.From + ")"
			}
			return c.Name
		}
	}
	return ""
}

func controllerName(session string) string {
	if host, is := strings.CutPrefix(session, "latchkey-controller on "); is {
		return "the controller on " + host
	}
	return session
}

// Shared says whether controllers on several machines can work with the site.
func (s *Site) Shared() bool { return s.store.Kind() == "PostgreSQL" }

// Place says where the site's database is, for people.
func (s *Site) Place() string { return s.store.Place() }

// Database is Place, with the kind of database before it.
func (s *Site) Database() string { return s.store.Kind() + ", " + s.Place() }
