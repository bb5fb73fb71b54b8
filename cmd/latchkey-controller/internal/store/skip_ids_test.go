package store

import (
	"fmt"
	"testing"

	"latchkey/sync/wire"
)

func TestAfterARestoreNoIDNamesWhatAnotherOfItsKindWas(t *testing.T) {
	s, n := newStore(t), 0
	make := func() (ids map[string]int64) {
		n++
		name := fmt.Sprint("nr ", n)
		update(t, s, func(tx *Tx) error {
			location := &Place{Name: name}
			if err := tx.AddPlace(Locations, location); err != nil {
				return err
			}
			hub := &Place{Name: name, Parent: location.ID}
			if err := tx.AddPlace(Hubs, hub); err != nil {
				return err
			}
			door := &Place{Name: name, Parent: hub.ID}
			if err := tx.AddPlace(Doors, door); err != nil {
				return err
			}
			schedule := &Schedule{Name: name, Hours: &wire.Schedule{}}
			if err := tx.AddSchedule(schedule); err != nil {
				return err
			}
			mode := &Mode{Mode: wire.ModeLocked, Level: "door", Place: door.ID, Who: name}
			if err := tx.AddMode(mode); err != nil {
				return err
			}
			admin := &Admin{Name: name, Role: "owner"}
			if err := tx.AddAdmin(admin); err != nil {
				return err
			}
			token := &Token{Name: name, Hash: wire.Hash{byte(n)}}
			if err := tx.AddToken(token); err != nil {
				return err
			}
			hook := &Webhook{Name: name, URL: name, Style: StyleUniFi}
			if err := tx.AddWebhook(hook); err != nil {
				return err
			}
			cell := &Cell{Name: name}
			if err := tx.AddCell(cell); err != nil {
				return err
			}
			if err := tx.AddAudit(&Audit{Outcome: Done}); err != nil {
				return err
			}
			event, _, err := tx.Newest()
			ids = map[string]int64{"location": location.ID, "hub": hub.ID, "door": door.ID, "schedule": schedule.ID, "mode": mode.ID, "admin": admin.ID, "token": token.ID, "webhook": hook.ID, "cell": cell.ID, "event": event}
			return err
		})
		return ids
	}
	before := make()
	update(t, s, func(tx *Tx) error { return tx.SkipIDs() })
	for kind, id := range make() {
		if skipped := map[bool]int64{true: skippedEvents, false: skippedIDs}[kind == "event"]; id <= before[kind]+skipped {
			t.Errorf("%s %d follows %d: one of the lost state may have had its id", kind, id, before[kind])
		}
	}
}
