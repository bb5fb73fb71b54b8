package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// UnlockDoor unlocks a door once: by a reader there, or, if that is "", by the first of the
// door's readers that does it. The note is kept with it. It says within 6 s what came of
// it; if Done is false, no reader carries it out later. In a lockdown only those may unlock
// who may end it. Fields: those of the note.
func (d *Desk) UnlockDoor(ctx context.Context, a Actor, door int64, reader string, note UnlockNote) (*OrderResult, error) {
	asked := time.Now()
	kept, err := note.store()
	if err != nil {
		return nil, errors.Join(d.check(ctx, a, Unlock, new(auditTarget)), err)
	}
	target := new(auditTarget)
	var readers []string
	err = d.site.View(ctx, func(tx *store.Tx) (err error) {
		readers, err = readersToUnlock(tx, door, reader, target)
		return err
	})
	if err != nil {
		if refused := d.check(ctx, a, Unlock, target); refused != nil {
			return nil, refused
		}
		return nil, err
	}
	var out *OrderResult
	err = d.actAtReader(ctx, a, Unlock, target, func(starting context.Context) (*language.Sentence, error) {
		if d.live == nil {
			return nil, errNoController
		}
		outcome := link.OrderResult{Unsent: true, Text: language.Say("not sent: the door has no reader with a board")}
		for _, id := range readers {
			o := store.Order{ID: target.orders[id], Reader: id, Order: wire.Unlock, Who: cut(a.Name, wire.MaxName), By: asked.Add(startWithin), Note: kept}
			var err error
			if o.InLockdown, err = d.unlocksInLockdown(starting, a, id); err != nil {
				return nil, err
			}
			if outcome, err = d.live.Order(starting, o, nil); err != nil {
				return nil, err
			}
			if !outcome.Unsent && outcome.Record == nil {
				break // it may have done it, and not said so yet
			}
			if outcome.Done {
				break
			}
		}
		if r := outcome.Record; r != nil && r.Kind == wire.CommandRefused {
			outcome.Text = language.Say("the reader refused: %s", reasonText(r.Reason))
			if r.Reason == wire.ReasonLockdown {
				return nil, notAllowed(outcome.Text)
			}
		}
		out = &OrderResult{Command: outcome.ID.String(), Done: outcome.Done, Unsent: outcome.Unsent, Text: outcome.Text}
		whatFor := Clean(cut(note.Remark, maxRemark))
		switch {
		case outcome.Done && whatFor == "":
			return nil, nil
		case outcome.Done: // the reader's record says the rest
			return language.Say("for %s¦what a door was opened for", whatFor), nil
		case whatFor != "":
			return nil, language.Say("%s, for %s¦why a door was not opened, and what for", outcome.Text, whatFor) // for the audit
		}
		return nil, outcome.Text
	})
	if out != nil {
		return out, nil
	}
	return nil, err
}

// readersToUnlock returns the readers with a board by which a door can be unlocked, and fills
// in the target. If a reader is asked for, it is that one; ErrNotFound: it is not there.
func readersToUnlock(tx *store.Tx, door int64, reader string, target *auditTarget) (readers []string, err error) {
	at, err := placeOf(tx, Doors, door)
	if err != nil {
		return nil, err
	}
	target.subject, target.at = at.Name, []Where{{Doors, door}}
	all, err := tx.ReadersAt(store.Doors, door)
	if err != nil {
		return nil, err
	}
	if reader != "" {
		if !slices.Contains(all, reader) {
			return nil, fmt.Errorf("there is no reader %.40q at %s: %w", reader, at.Name, ErrNotFound)
		}
		all = []string{reader}
	}
	for _, id := range all {
		switch _, err := tx.BundleOf(id); {
		case errors.Is(err, store.ErrNotFound): // it was removed
		case err != nil:
			return nil, err
		default:
			readers = append(readers, id)
			target.order(id)
		}
	}
	if len(readers) > 0 {
		target.reader = readers[0]
	}
	return readers, nil
}
