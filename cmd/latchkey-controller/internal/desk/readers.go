package desk

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A Reader is a reader with everything to display about it.
type Reader struct {
	ID      string
	Door    string // the door's name
	DoorID  int64
	Hub     string
	HubID   int64
	Place   string
	Cell    string       // name; "": it has no board
	From    string       // the cell that it is being moved from; "": none
	Board   string       // fingerprint of the board; "": none, removed or moved to another reader
	Adopted time.Time    // when the bundle was made
	Bundle  uint64       // its number
	Serial  string       // of its certificate, hexadecimal
	Policy  *wire.Policy // never nil
	Live    ReaderStatus
	Last    *Event              `json:"-"` // the newest granted or denied event; nil: none
	Removed Removal             // how it was removed; "": it was not
	Key     KeyPlace            // where it has the PIN key; "": it has no board
	OldKey  bool                // it had one in a file, and has not said yet that it is gone
	Budget  *Budget             // nil: it has no TPM
	Level   int                 // what it understands, wire.State.Level, as it said last; -1: it has not said yet
	Named   map[HoursUse]string `json:"-"` // the schedules that its policy uses
	CutOff  bool                // it is too old for a PIN that somebody has: it gets no credentials until it is updated
}

// OldModes says that the reader's program is too old for modes: it takes no part in them.
func (r *Reader) OldModes() bool { return oldModes(r.Level) }

// OldProofs says that the reader's program is too old for two proofs, and for PINs for duress or
// with limits.
func (r *Reader) OldProofs() bool { return oldProofs(r.Level) }

// NobodyOpens says why nobody can give card and PIN at the reader, which its policy demands:
// "it takes no cards: the card reader is out of order"; nil: they can, or it does not demand them.
func (r *Reader) NobodyOpens() *language.Sentence {
	switch {
	case r.Bundle == 0 || r.Policy.TwoProofs == nil:
		return nil
	case r.OldProofs():
		return language.Say("its program is too old to demand card and PIN, so it lets nobody in: update it")
	}
	w := r.doorway(time.Time{})
	proven := &wire.Credential{Kind: wire.Card, CardKey: make([]byte, wire.CardKeySize)} // which ends a lockout
	switch card, pin := w.says.Card, w.takesPIN(proven); {
	case card == wire.ReasonNone:
		return language.Say("it has no card reader")
	case pin == wire.ReasonNone:
		return language.Say("it has no touchscreen")
	case card != "":
		return language.Say("it takes no cards: %s", reasonText(card))
	case pin != "":
		return language.Say("it takes no PINs: %s", reasonText(pin))
	}
	return nil
}

// DemandsTwo says whether a card or a PIN alone does not open the reader's door at a time.
// Without a clock that the reader trusts that is so whatever the schedule.
func (r *Reader) DemandsTwo(now time.Time) bool { return r.doorway(now).demandsTwo() }

func oldProofs(level int) bool { return level != store.LevelUnknown && level < wire.LevelProofs }

func oldModes(level int) bool { return level != store.LevelUnknown && level < wire.LevelModes }

// PIN says whether PIN entry is switched on.
func (r *Reader) PIN() bool { return r.Policy.PIN }

// PolicyApplied says whether the reader has applied its policy.
func (r *Reader) PolicyApplied() bool { return r.Live.Policy >= r.Policy.Revision }

// A ReaderStatus is the last state that a reader reported.
type ReaderStatus struct {
	Known    bool // a controller is running and has heard from the reader, or waited long enough for it
	Unled    bool // no controller leads, so nothing is known of it
	Online   bool
	Heard    time.Time // zero: never
	Broker   string    // over which it was heard last, if the controller is connected to several; "": not known
	Current  bool      // has the newest credentials and policy
	Version  string
	Epoch    uint64 // of the credentials that it confirmed
	Revision uint64
	Newest   uint64 // of the controller's log
	Policy   uint64 // revision of the policy that it has applied
	Waiting  uint64 // records not sent yet
	Level    uint8  // what it understands, wire.State.Level
	wire.Condition
}

// LockoutText says why PIN entry is locked out; "": it is not.
func (s ReaderStatus) LockoutText() *language.Sentence { return causeText(s.Lockout) }

// PlaceRevision identifies where a reader is, for a form that moves it.
func (r *Reader) PlaceRevision() string { return revision(r.DoorID) }

// Readers returns all readers in the actor's reach by id, removed ones last.
func (d *Desk) Readers(ctx context.Context, a Actor) ([]*Reader, error) {
	if err := d.check(ctx, a, ViewReaders, new(auditTarget)); err != nil {
		return nil, err
	}
	readers, _, err := d.readers(ctx, a)
	return readers, err
}

// Reader returns a reader, or ErrNotFound.
func (d *Desk) Reader(ctx context.Context, a Actor, id string) (*Reader, error) {
	if err := d.check(ctx, a, ViewReaders, new(auditTarget)); err != nil {
		return nil, err
	}
	readers, _, err := d.readers(ctx, a, id)
	if err == nil && len(readers) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return readers[0], nil
}

// readers combines what is stored about readers, as an actor may see it, with their live
// states: about some, or else all. in is the reach by which they were chosen.
func (d *Desk) readers(ctx context.Context, a Actor, only ...string) (readers []*Reader, in *reach, err error) {
	lives, err := d.lives(ctx)
	if err != nil {
		return nil, nil, err
	}
	wanted := make(map[string]bool, len(only))
	for _, id := range only {
		wanted[id] = true
	}
	err = d.site.View(ctx, func(tx *store.Tx) error {
		if in, err = a.reach(tx); err != nil {
			return err
		}
		ids, err := tx.Readers()
		if err != nil {
			return err
		}
		places, err := tx.ReaderPlaces()
		if err != nil {
			return err
		}
		removed, err := tx.Removed()
		if err != nil {
			return err
		}
		bundles, err := tx.Bundles()
		if err != nil {
			return err
		}
		head, err := tx.Head()
		if err != nil {
			return err
		}
		settings, err := tx.GuessSettings()
		if err != nil {
			return err
		}
		pins, err := tx.PINs(a.May(ViewDuress), in.visitors())
		if err != nil {
			return err
		}
		newPINs, err := tx.NewPINs(a.May(ViewDuress))
		if err != nil {
			return err
		}
		cells, err := tx.Cells()
		if err != nil {
			return err
		}
		of, err := tx.ReaderCells()
		if err != nil {
			return err
		}
		inForce := map[string]*store.Bundle{}
		for _, b := range bundles {
			inForce[b.Reader] = b
		}
		for _, id := range ids {
			if !in.hasReader(id) || len(only) > 0 && !wanted[id] {
				continue
			}
			w := places[id]
			r := &Reader{ID: id, Door: cmp.Or(w.DoorName, id), DoorID: w.Door, Hub: w.HubName, HubID: w.Hub, Place: w.Place, Removed: Removal(removed[id])}
			if b := inForce[id]; b != nil {
				r.Board, r.Adopted, r.Bundle, r.Serial = wire.Fingerprint(b.Request), moment(b.Created), b.Number, b.Serial
			}
			r.Cell, r.From = readerCell(cells, of[id])
			if r.Policy, err = tx.Policy(id); err != nil {
				return fmt.Errorf("policy of %s: %w", id, err)
			}
			if r.Named, err = tx.ScheduleNames(id); err != nil {
				return err
			}
			if r.Level, err = tx.ReaderLevel(id); err != nil {
				return err
			}
			r.CutOff = r.Bundle != 0 && r.OldProofs() && newPINs
			if r.Live, err = liveReader(tx, lives.of[id], head); err != nil {
				return err
			}
			r.Live.Unled = lives.unheard[id]
			if r.Bundle != 0 {
				if err := fillBudget(tx, r, d.now(), settings, pins); err != nil {
					return err
				}
			}
			last, err := tx.LastAttempt(id)
			if err != nil {
				return err
			}
			if last != nil {
				entries, err := events(tx, []*store.Event{last})
				if err != nil {
					return err
				}
				r.Last = entries[0]
			}
			readers = append(readers, r)
		}
		return nil
	})
	slices.SortStableFunc(readers, func(a, b *Reader) int {
		return cmp.Or(cmp.Compare(min(1, len(a.Removed)), min(1, len(b.Removed))), cmp.Compare(a.ID, b.ID))
	})
	return readers, in, err
}

// liveReader returns the last state that a reader reported.
func liveReader(tx *store.Tx, r *link.ReaderStatus, head store.Head) (ReaderStatus, error) {
	if r == nil {
		return ReaderStatus{}, nil
	}
	l := ReaderStatus{Known: !r.Heard.IsZero() && !r.Awaited, Online: r.Online, Heard: r.Heard, Broker: r.Broker, Current: r.Current, Newest: head.Revision}
	s := r.State
	if s == nil {
		return l, nil
	}
	l.Version, l.Policy, l.Level = s.Version, s.PolicyRevision, s.Level
	if s.Held != nil {
		l.Epoch, l.Revision = s.Held.Epoch, s.Held.Revision
	}
	if s.First != 0 {
		here, err := tx.Journal(r.ID, s.Journal)
		if err != nil {
			return l, err
		}
		// It also keeps records that were already sent, until it is full.
		if came := max(here.Number, s.First-1); s.Last > came {
			l.Waiting = s.Last - came
		}
	}
	if s.Condition != nil {
		l.Condition = *s.Condition
	}
	return l, nil
}

// causeText describes the cause of a lockout.
func causeText(cause wire.Cause) *language.Sentence {
	switch cause {
	case "":
		return nil
	case wire.CauseAttempts:
		return language.Say("too many wrong PINs in a row")
	case wire.CauseGuessing:
		return language.Say("too many guesses")
	case wire.CauseTamper:
		return language.Say("the housing was opened")
	case wire.CauseJournal:
		return language.Say("the reader's records were damaged or lost")
	}
	return language.Data(Clean(string(cause)))
}

// A Rollout says how many readers have the newest credentials and policies.
type Rollout struct {
	Readers int
	Current int // of these, how many confirmed the newest
}

// Rollout returns how far the newest change has spread.
func (d *Desk) Rollout(ctx context.Context, a Actor) (s Rollout, err error) {
	readers, err := d.Readers(ctx, a)
	for _, r := range readers {
		if r.Bundle == 0 {
			continue
		}
		s.Readers++
		if r.Live.Current {
			s.Current++
		}
	}
	return s, err
}
