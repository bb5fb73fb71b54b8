package desk

import (
	"context"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// FirstSteps says how far a new site is from the first person who opens a door. Doors and readers
// are in Places.
type FirstSteps struct {
	Zone       bool   // the site's time zone is not UTC, which machines have that nobody has told theirs
	User       uint64 // the first who is no visitor; 0: there is none
	Credential bool   // somebody has a PIN or a card
	Opened     bool   // somebody was let in; with that the first steps are over
}

// FirstSteps returns them, of the whole site.
func (d *Desk) FirstSteps(ctx context.Context, a Actor) (s FirstSteps, err error) {
	err = d.view(ctx, a, ViewPlaces, func(tx *store.Tx) error {
		zone, err := tx.Zone()
		if err != nil {
			return err
		}
		steps, err := tx.FirstSteps()
		s = FirstSteps{Zone: zone != "UTC" && zone != "Etc/UTC", User: steps.User, Credential: steps.Credential, Opened: steps.Opened}
		return err
	})
	return s, err
}
