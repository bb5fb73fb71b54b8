package desk

import (
	"context"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// FirstSteps says how far a new site is from the first person who opens a door. Doors and readers
// are in Places.
type FirstSteps struct {
	Zone       bool   // the site's time zone is chosen: ChosenZone.Chosen
	User       uint64 // the first who is no visitor; 0: there is none
	Credential bool   // somebody has a PIN or a card
	Over       bool   // a reader has let somebody in, ever, or HideFirstSteps was called
	Hidden     bool   // HideFirstSteps was called, and Zone is not so
}

// FirstSteps returns them, of the whole site.
func (d *Desk) FirstSteps(ctx context.Context, a Actor) (s FirstSteps, err error) {
	err = d.view(ctx, a, ViewPlaces, func(tx *store.Tx) error {
		steps, err := tx.FirstSteps()
		if err != nil {
			return err
		}
		s = FirstSteps{User: steps.User, Credential: steps.Credential, Over: steps.Over}
		if s.Zone, err = zoneChosen(tx, d.now()); err != nil || s.Zone {
			return err
		}
		s.Hidden, err = tx.Did(string(EditSettings), stepsHidden.String())
		return err
	})
	return s, err
}

// stepsHidden is what the audit says of HideFirstSteps.
var stepsHidden = language.Say("the first steps are hidden")

// HideFirstSteps ends them for the whole site before a door was opened, or the one that is left after it.
func (d *Desk) HideFirstSteps(ctx context.Context, a Actor) error {
	return d.act(ctx, a, EditSettings, &auditTarget{subject: d.site.Name, text: stepsHidden}, func(tx *store.Tx, _ time.Time) error {
		return tx.EndFirstSteps()
	})
}
