package site

import (
	"context"
	"maps"
	"slices"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// TakeOutages notes which readers are out of reach, true, and which are connected. An event
// comes of what differs from a reader's last event of the kind: an outage is one event,
// however often the controller starts meanwhile. Readers that are gone are left out, and those of another cell than this.
func (s *Site) TakeOutages(ctx context.Context, cell int64, at clock.Reading, out map[string]bool) error {
	return s.store.Keep(ctx, func(tx *store.Tx) error {
		there, err := tx.Readers()
		if err != nil {
			return err
		}
		for _, reader := range slices.Sorted(maps.Keys(out)) {
			was, err := tx.Out(reader)
			if err != nil {
				return err
			}
			if was == out[reader] || !slices.Contains(there, reader) {
				continue
			}
			if is, err := tx.CellOf(reader); err != nil {
				return err
			} else if is.Cell != cell {
				continue
			}
			event := store.NewAlarm(reader, store.ReaderOnline, at.Wall.UnixMilli(), language.Say("the reader is connected again"))
			if out[reader] {
				event = store.NewAlarm(reader, store.ReaderOffline, at.Wall.UnixMilli(), language.Say("the reader has had no connection for a minute. It goes on by what it has stored. Check its power and its network"))
			}
			if err := tx.AddAlarm(event); err != nil {
				return err
			}
		}
		return nil
	})
}
