package site

import (
	"context"
	"os"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// Lead is store.Store.Lead. The error is a ResealedError if the storage key was changed meanwhile.
func (s *Site) Lead(ctx context.Context, cell int64, standBy func(*store.ServedError) error) (*store.Lead, error) {
	lead, err := s.store.Lead(ctx, cell, standBy)
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

// Leads is store.Store.Leads.
func (s *Site) Leads() bool { return s.store.Leads() }

// Controllers is store.Store.Controllers; the names are those of the machines.
func (s *Site) Controllers(ctx context.Context) ([]store.Controller, error) {
	all, err := s.store.Controllers(ctx)
	for i := range all {
		all[i].Name = machine(all[i].Name)
	}
	return all, err
}

// machine returns the machine of a controller that the database knows by a name.
func machine(name string) string { return strings.TrimPrefix(name, "latchkey-controller on ") }

// TellTakenOver tells people that a lead was taken over from another controller that did not give it back.
func (s *Site) TellTakenOver(ctx context.Context, at time.Time, cell int64, lead *store.Lead) error {
	former := machine(lead.After())
	if former == "" {
		return nil
	}
	led, err := s.led(ctx, cell)
	if err != nil {
		return err
	}
	says := language.Say("the controller on %s has stopped leading %s without handing over, and another one leads in its place. Doors have worked by themselves meanwhile. Look at that machine: its power, its network, and the controller's log there", former, led)
	switch host, err := os.Hostname(); {
	case err == nil && host == former:
		says = language.Say("a controller on %s has stopped leading %s without handing over, and another one on that machine leads in its place. Doors have worked by themselves meanwhile. Look at its log", former, led)
	case err == nil:
		says = language.Say("the controller on %s has stopped leading %s without handing over, and the one on %s leads in its place. Doors have worked by themselves meanwhile. Look at that machine: its power, its network, and the controller's log there", former, led, host)
	}
	return s.AddAlarm(ctx, store.NewAlarm("", store.LeadTakenOver, at.UnixMilli(), says))
}

// led says what a leader of a cell leads: "the site", or "the cell north" if there are several.
func (s *Site) led(ctx context.Context, cell int64) (led *language.Sentence, err error) {
	err = s.store.View(ctx, func(tx *store.Tx) error {
		all, err := tx.Cells()
		led = language.Say("the site¦is led")
		for _, c := range all {
			if c.ID == cell && len(all) > 1 {
				led = language.Say("the cell %s¦is led", c.Name)
			}
		}
		return err
	})
	return led, err
}

// Beat is store.Store.Beat.
func (s *Site) Beat(ctx context.Context, cell int64) (store.Beat, error) {
	return s.store.Beat(ctx, cell)
}

// BeatsBefore is store.Store.BeatsBefore.
func (s *Site) BeatsBefore(ctx context.Context, cell int64) (map[int64]store.Beat, error) {
	return s.store.BeatsBefore(ctx, cell)
}

// Shared says whether controllers on several machines can work with the site.
func (s *Site) Shared() bool { return s.store.Kind() == "PostgreSQL" }

// Place says where the site's database is, for people.
func (s *Site) Place() string { return s.store.Place() }

// Database is Place, with the kind of database before it.
func (s *Site) Database() string { return s.store.Kind() + ", " + s.Place() }
