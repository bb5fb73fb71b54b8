package desk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A Where is a place for a mode: a location, a door, or, as the zero value, the whole
// site.
type Where struct {
	Level Level // "", Locations or Doors
	ID    int64
}

// wholeSite is the name of the zero Where, removedPlace that of one that is gone.
const wholeSite, removedPlace = "the whole site", "a place that was removed"

// check refuses what is no place for a mode. Field: "where".
func (w Where) check() error {
	if w == (Where{}) || (w.Level == Locations || w.Level == Doors) && w.ID != 0 {
		return nil
	}
	return wrong("where", "Choose a door, a location or the whole site")
}

// stored returns the place as store.Mode has it.
func (w Where) stored() (level string, place int64) {
	return cmp.Or(string(w.Level), "site"), w.ID
}

func whereOf(m *store.Mode) Where {
	if m.Level == "site" {
		return Where{}
	}
	return Where{Level(m.Level), m.Place}
}

// name returns the place's name. Field: "where", if there is no such place.
func (w Where) name(tx *store.Tx) (string, error) {
	if w.Level == "" {
		return wholeSite, nil
	}
	p, err := placeOf(tx, w.Level, w.ID)
	if errors.Is(err, ErrNotFound) {
		return "", wrongField("where", err)
	}
	if err != nil {
		return "", err
	}
	return p.Name, nil
}

// readers returns the ids of the readers there.
func (w Where) readers(tx *store.Tx) ([]string, error) {
	level, place := w.stored()
	return site.ReadersOf(tx, &store.Mode{Level: level, Place: place})
}

// target returns the place as what an act is done to. Of a door it is its first reader,
// too, so that the door's activity has the act.
func (d *Desk) target(ctx context.Context, w Where) (*auditTarget, error) {
	if err := w.check(); err != nil {
		return nil, err
	}
	target := &auditTarget{at: []Where{w}}
	err := d.site.View(ctx, func(tx *store.Tx) (err error) {
		if target.subject, err = w.name(tx); err != nil || w.Level != Doors {
			return err
		}
		readers, err := w.readers(tx)
		if len(readers) > 0 {
			target.reader = readers[0]
		}
		return err
	})
	return target, err
}

// SetModeAct returns the act of setting a mode somewhere.
func SetModeAct(where Where, mode wire.Mode) Act {
	switch {
	case mode == wire.ModeLockdown:
		return LockDown
	case mode == wire.ModeEvacuation:
		return Evacuate
	case where == Where{}:
		return SetSiteMode
	}
	return SetMode
}

// EndModeAct returns the act of ending a mode.
func EndModeAct(mode wire.Mode) Act {
	switch mode {
	case wire.ModeLockdown:
		return EndLockdown
	case wire.ModeEvacuation:
		return EndEvacuation
	}
	return EndMode
}

// lockedDown says whether a policy wants a lockdown at a time.
func lockedDown(p *wire.Policy, now time.Time) bool {
	return slices.ContainsFunc(p.Modes, func(m wire.WantedMode) bool {
		return m.Mode == wire.ModeLockdown && (m.Until == 0 || m.Until > now.Unix())
	})
}

// keepsLockdown refuses a change that takes a reader out of a lockdown, or lets people in
// during it who were not, or at other times, to those who may not end the lockdown.
func (a Actor) keepsLockdown(tx *store.Tx, before, after *wire.Policy, now time.Time) error {
	more := slices.ContainsFunc(after.InLockdown, func(group string) bool {
		return !slices.Contains(before.InLockdown, group) || opensLonger(before, after, group)
	})
	if !lockedDown(before, now) || lockedDown(after, now) && !more {
		return nil
	}
	if err := a.Refusal(EndLockdown); err != nil {
		return err
	}
	return a.reachesLockdowns(tx, after.Reader, now)
}

// reachesLockdowns refuses an act at a reader where a lockdown is wanted that is out of the
// actor's reach: that of the whole site.
func (a Actor) reachesLockdowns(tx *store.Tx, reader string, now time.Time) error {
	modes, err := tx.ModesAt(now.Unix(), reader)
	if err != nil {
		return err
	}
	wanted := new(auditTarget)
	for _, m := range modes[reader] {
		if m.Mode == wire.ModeLockdown {
			wanted.at = append(wanted.at, whereOf(m))
		}
	}
	return a.reaches(tx, EndLockdown, wanted)
}

// setPolicy is site.SetPolicy for an edit that keepsLockdown may refuse.
func (a Actor) setPolicy(tx *store.Tx, now time.Time, p *wire.Policy) error {
	before, err := tx.Policy(p.Reader)
	if err != nil {
		return err
	}
	if err := site.SetPolicy(tx, now, p); err != nil {
		return err
	}
	return a.keepsLockdown(tx, before, p, now)
}

// opensLonger says whether a policy lets a group in at times at which the one before does not.
func opensLonger(before, after *wire.Policy, group string) bool {
	c := &wire.Credential{Groups: []string{group}}
	was, is := before.Hours(c), after.Hours(c)
	if was == nil {
		return false
	}
	return !was.Covers(is) || before.TimeZone != after.TimeZone || !slices.Equal(before.Holidays, after.Holidays)
}

// undoWithin is how long whoever has pressed Lockdown by mistake can take it back.
const undoWithin = 2 * time.Minute

// ends returns the act of ending a wanted mode.
func (a Actor) ends(m *store.Mode, now time.Time) Act {
	since := now.Sub(time.UnixMilli(m.At))
	if m.Mode == wire.ModeLockdown && m.Who == a.wants() && since >= 0 && since < undoWithin {
		return UndoMode
	}
	return EndModeAct(m.Mode)
}

// wants returns the actor's name as that of who wants a mode.
func (a Actor) wants() string { return cut(Clean(a.Name), wire.MaxName) }

// maxUnlocked is how long a door may be wanted unlocked by hand.
const maxUnlocked = 31 * 24 * time.Hour

// checkMode refuses a mode that nobody can want. until is its end, Unix seconds; 0: none.
func checkMode(mode wire.Mode, until int64, now time.Time) error {
	var wrongs FieldErrors
	switch mode {
	case wire.ModeUnlocked, wire.ModeLocked, wire.ModeLockdown, wire.ModeEvacuation:
	case wire.ModeNormal:
		return wrong("mode", "Doors work as normal when no mode is wanted: end the mode that is")
	default:
		return wrong("mode", "Choose unlocked, locked, lockdown or evacuation")
	}
	wrongs.add(wrongField("until", wire.CheckTime(until)))
	switch {
	case len(wrongs) > 0:
	case mode == wire.ModeEvacuation && until != 0:
		wrongs.add(wrong("until", "An evacuation has no end of its own: leave it empty, and end the evacuation when it is over"))
	case mode == wire.ModeUnlocked && until == 0:
		wrongs.add(wrong("until", "Say until when: a door must not stay unlocked because somebody forgot it"))
	case until != 0 && until <= now.Unix():
		wrongs.add(wrong("until", "This time has passed; choose a later one"))
	case mode == wire.ModeUnlocked && until > now.Add(maxUnlocked).Unix():
		wrongs.add(wrong("until", "Choose an end within 31 days; to unlock a door regularly, give it an unlock schedule"))
	}
	return wrongs.err()
}

// SetMode has all doors at a place work in a mode until a time, Unix seconds; 0: until
// somebody ends it. Where several modes are wanted at a door, the highest is in force.
// Readers that are offline follow when they are back. Fields: "mode", "until", "where".
func (d *Desk) SetMode(ctx context.Context, a Actor, where Where, mode wire.Mode, until int64) (id int64, err error) {
	if err := checkMode(mode, until, d.now()); err != nil {
		return 0, err
	}
	target, err := d.target(ctx, where)
	if err != nil {
		return 0, err
	}
	err = d.together(ctx, a, setMode(a, target, where, mode, until, &id))
	return id, err
}

// toMode says to which mode a door goes, and until when; 0: somebody ends it.
func toMode(mode wire.Mode, until int64, in *time.Location) *language.Sentence {
	if until == 0 {
		return language.Say("to %s until somebody ends it¦a mode", modeNamed(mode))
	}
	return language.Say("to %s until %s¦a mode, a time", modeNamed(mode), language.Moment(time.Unix(until, 0).In(in)))
}

// setMode is the deed of SetMode, which fills in id.
func setMode(a Actor, target *auditTarget, where Where, mode wire.Mode, until int64, id *int64) deed {
	act := SetModeAct(where, mode)
	return deed{act, target, func(tx *store.Tx, now time.Time) (err error) {
		if err := checkMode(mode, until, now); err != nil {
			return err
		}
		if target.subject, err = where.name(tx); err != nil {
			return err
		}
		in, err := siteZone(tx)
		if err != nil {
			return err
		}
		ends := language.Moment(time.Unix(until, 0).In(in))
		switch names := act == SetMode || act == SetSiteMode; {
		case names:
			target.text = toMode(mode, until, in)
		case until != 0:
			target.text = language.Say("from now until %s", ends)
		default:
			target.text = language.Say("from now until somebody ends it")
		}
		row := &store.Mode{Mode: mode, Until: until, Who: a.wants(), At: now.UnixMilli()}
		row.Level, row.Place = where.stored()
		err = site.AddMode(tx, now, row)
		*id = row.ID
		return refusedIn("mode", err)
	}}
}

// EndMode ends a mode: the doors go back to what else is wanted there, or to normal. Who
// has just set it may end it, whoever else may. The error says so if somebody has ended it
// already. Field: "mode".
func (d *Desk) EndMode(ctx context.Context, a Actor, id int64) error {
	var m *store.Mode
	err := d.site.View(ctx, func(tx *store.Tx) (err error) {
		m, err = modeOf(tx, id)
		return err
	})
	if err != nil {
		return err
	}
	where := whereOf(m)
	target, err := d.target(ctx, where)
	if Fields(err)["where"] != nil {
		target, err = &auditTarget{subject: removedPlace, at: []Where{where}}, nil
	}
	if err != nil {
		return err
	}
	return d.together(ctx, a, endMode(a, target, a.ends(m, d.now()), id))
}

// errModeEnded is the cause of the error of a mode that somebody has ended already.
var errModeEnded = errors.New("it has ended")

// endMode is the deed of EndMode.
func endMode(a Actor, target *auditTarget, act Act, id int64) deed {
	return deed{act, target, func(tx *store.Tx, now time.Time) error {
		m, err := modeOf(tx, id)
		if err != nil {
			return err
		}
		in, err := siteZone(tx)
		if err != nil {
			return err
		}
		if m.Ended == 0 && m.Until != 0 && m.Until <= now.Unix() { // it is noted within a minute
			m.Ended = m.Until * 1000
		}
		if m.Ended != 0 {
			return &FieldError{Field: "mode", Sentence: endedText(m, in), err: errModeEnded}
		}
		since := language.Moment(time.UnixMilli(m.At).In(in))
		target.text = language.Say("wanted by %s since %s¦a mode", m.Who, since)
		if m.Until != 0 {
			target.text = language.Say("wanted by %s since %s until %s¦a mode", m.Who, since, language.Moment(time.Unix(m.Until, 0).In(in)))
		}
		if act == EndMode { // the others name it
			target.text = language.Say("%s, %s", modeNamed(m.Mode), target.text)
		}
		return site.EndMode(tx, now, m, a.wants())
	}}
}

// endedText says who has ended a mode, and when.
func endedText(m *store.Mode, in *time.Location) *language.Sentence {
	when := language.Moment(time.UnixMilli(m.Ended).In(in))
	if m.EndedBy == "" {
		return endedByItself[m.Mode].With(when)
	}
	return endedBySomebody[m.Mode].With(m.EndedBy, when)
}

var endedByItself = map[wire.Mode]*language.Sentence{
	wire.ModeUnlocked: language.Say("This unlocking ended by itself, on %s"), wire.ModeLocked: language.Say("This locking ended by itself, on %s"),
	wire.ModeLockdown: language.Say("This lockdown ended by itself, on %s"), wire.ModeEvacuation: language.Say("This evacuation ended by itself, on %s"),
}

var endedBySomebody = map[wire.Mode]*language.Sentence{
	wire.ModeUnlocked: language.Say("%s has ended this unlocking already, on %s"), wire.ModeLocked: language.Say("%s has ended this locking already, on %s"),
	wire.ModeLockdown: language.Say("%s has ended this lockdown already, on %s"), wire.ModeEvacuation: language.Say("%s has ended this evacuation already, on %s"),
}

func modeOf(tx *store.Tx, id int64) (*store.Mode, error) {
	m, err := tx.Mode(id)
	if errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("there is no wanted mode %d: %w", id, err)
	}
	return m, err
}
