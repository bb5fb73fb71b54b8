package desk

import (
	"context"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// EndInvitation ends a visit before its time: the PIN, and cards if there are any, are taken
// away at once, and the visitor is removed a day later.
func (d *Desk) EndInvitation(ctx context.Context, a Actor, id uint64) error {
	return d.act(ctx, a, EndInvitation, &auditTarget{user: id}, func(tx *store.Tx, now time.Time) error {
		u, err := site.User(tx, id)
		if err != nil {
			return err
		}
		if is, err := tx.IsVisitor(id); err != nil {
			return err
		} else if !is {
			return language.Say("%s is no visitor", u.Name).Because(ErrNotFound)
		}
		if u.Until <= now.Unix() {
			return language.Say("the visit of %s is over already", u.Name).Because(ErrNotFound)
		}
		return site.EndInvitation(tx, now, u)
	})
}

// visitorsStay is how long visitors stay users after their end: what they did is looked at on
// the next day at the latest.
const visitorsStay = 24 * time.Hour

// visitorsAtOnce bounds how many visitors one transaction removes.
const visitorsAtOnce = 100

// removeVisitors removes the visitors whose end is a day ago.
func (d *Desk) removeVisitors(ctx context.Context) error {
	controller := Actor{Name: "Latchkey", Via: Controller}
	for {
		now := d.now()
		before := now.Add(-visitorsStay).Unix()
		n := 0
		err := d.site.View(ctx, func(tx *store.Tx) (err error) {
			n, err = tx.CountVisitors(store.VisitChoice{At: store.Over, Now: before})
			return err
		})
		if err != nil || n == 0 {
			return err
		}
		err = d.site.Update(ctx, func(tx *store.Tx) error {
			over, err := tx.Visitors(store.VisitChoice{At: store.Over, Now: before}, store.VisitCursor{}, 0, visitorsAtOnce)
			if err != nil {
				return err
			}
			for _, u := range over {
				target := &auditTarget{user: u.ID, subject: u.Name, text: language.Say("the visit ended a day ago")}
				if err := site.RemoveUser(tx, now, u.ID); err != nil {
					return err
				}
				if err := target.note(tx, now, controller, RemoveVisitor, nil); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}
