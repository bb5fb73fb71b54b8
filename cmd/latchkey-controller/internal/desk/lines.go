package desk

import (
	"slices"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// maxParts is how many parts of an event a line has; maxCounted is up to how many they are counted.
const maxParts, maxCounted = 20, 10_000

// A Part is what else belongs to what an event tells: that the reader carried an order out, or that the door was opened and
// closed again.
type Part struct {
	*Event
	Brief *language.Sentence // what it adds, as part of a sentence; nil: the event itself says it
}

// lines fills in what is part of events, as far as a filter selects it, and has each of them say what matters most of all
// that.
func lines(tx *store.Tx, f store.ActivityFilter, heads []*Event) error {
	desc := &describer{tx}
	parts, err := desc.parts(f, heads)
	if err != nil {
		return err
	}
	var below []*Event
	for _, e := range heads {
		if len(parts[e.ID]) == maxParts {
			n, err := tx.CountParts(f, e.ID, maxCounted)
			if err != nil {
				return err
			}
			e.More = n - maxParts
		}
		below = append(below, parts[e.ID]...)
	}
	further, err := desc.parts(f, below) // of an unlock the opening of the door, which is part of the reader's record of it
	if err != nil {
		return err
	}
	for _, e := range heads {
		all := slices.Clone(parts[e.ID])
		for _, p := range parts[e.ID] {
			all = append(all, further[p.ID]...)
		}
		slices.SortFunc(all, func(a, b *Event) int { return int(a.ID - b.ID) })
		first := *e
		said := e.promote(all)
		for _, p := range all {
			e.Lockout = e.Lockout || p.Lockout
			part := Part{p, brief(p)}
			switch {
			case p != said:
			case p.Result == Alarm: // of the same moment
				part.Brief = brief(&first)
			case p.Source == "admin":
				part.Brief = nil
			}
			e.Parts = append(e.Parts, part)
		}
	}
	return nil
}

// parts returns what is part of events, by their ids.
func (desc *describer) parts(f store.ActivityFilter, of []*Event) (map[int64][]*Event, error) {
	ids := make([]int64, len(of))
	for i, e := range of {
		ids[i] = e.ID
	}
	rows, err := desc.tx.PartsOf(f, ids, maxParts)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	all, err := events(desc.tx, rows)
	if err != nil {
		return nil, err
	}
	parts := map[int64][]*Event{}
	for i, row := range rows {
		parts[row.PartOf] = append(parts[row.PartOf], all[i])
	}
	return parts, nil
}

// promote has an event say what one of its parts says, if that is what matters: an alarm, an unlock that a reader carried
// out although nobody knew then, or that a card which was read is somebody's now. It returns that part; nil: there is none.
func (e *Event) promote(parts []*Event) (said *Event) {
	for _, p := range parts {
		switch {
		case p.Result == Alarm && e.Result != Alarm:
		case p.Kind == string(wire.AccessGranted) && e.Source == "admin" && (e.Result == Refused || e.Word == wordAsked):
		case p.Source == "admin" && p.Result == Changed:
		default:
			continue
		}
		e.Kind, e.Result, e.Word, e.Text = p.Kind, p.Result, p.Word, p.Text
		e.User, e.Person = p.User, p.Person
		said = p
	}
	return said
}

// brief says what an event adds to that of which it is a part.
func brief(p *Event) *language.Sentence {
	r := p.Record
	if r == nil {
		return p.Text
	}
	switch r.Kind {
	case wire.AccessGranted:
		return language.Say("unlocked for %s", durationText(r.Seconds))
	case wire.DoorOpened:
		return language.Say("opened")
	case wire.DoorClosed:
		return language.Say("closed")
	case wire.DoorForced:
		return language.Say("forced open")
	case wire.LockoutStarted:
		return language.Say("PIN entry paused")
	case wire.LockoutCleared:
		return language.Say("PIN entry resumed")
	case wire.FirstPerson:
		return language.Say("first person: the schedule unlocks it")
	case wire.PolicyApplied:
		return language.Say("in force at %s", named(p.Door))
	case wire.ModeChanged:
		return doorWorks(r.Mode, named(p.Door))
	case wire.Adopted:
		return language.Say("the reader has taken it over")
	case wire.CommandDone:
		return language.Say("done at %s", named(p.Door))
	case wire.CommandRefused:
		return why(language.Say("refused"), r.Reason)
	}
	return p.Text
}
