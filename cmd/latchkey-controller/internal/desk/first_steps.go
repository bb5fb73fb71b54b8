package desk

import (
	"context"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// FirstSteps says how far a new site is from the first person who opens a door. Doors and readers
// are in Places.
type FirstSteps struct {
	Zone       bool   // the site's time zone is not UTC, which machines have that nobody has told theirs
	User       uint64 // the first who is no visitor; 0: there is none
	Credential bool   // somebody has a PIN or a card
	Over       bool   // a reader has let somebody in, ever, or HideFirstSteps was called
}

// FirstSteps returns them, of the whole site.
func (d *Desk) FirstSteps(ctx context.Context, a Actor) (s FirstSteps, err error) {
	err = d.view(ctx, a, ViewPlaces, func(tx *store.Tx) error {
		zone, err := tx.Zone()
		if err != nil {
			return err
		}
		steps, err := tx.FirstSteps()
		s = FirstSteps{Zone: zone != "UTC" && zone != "Etc/UTC", User: steps.User, Credential: steps.Credential, Over: steps.Over}
		return err
	})
	return s, err
}

// HideFirstSteps ends them for the whole site before a door was opened.
func (d *Desk) HideFirstSteps(ctx context.Context, a Actor) error {
	return d.act(ctx, a, EditSettings, &auditTarget{subject: d.site.Name, text: "the first steps are hidden"}, func(tx *store.Tx, _ time.Time) error {
		return tx.EndFirstSteps()
	})
}
