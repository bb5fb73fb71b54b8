package desk

import (
	"context"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A LockRule is what keeps one door locked or unlocked, apart from emergencies.
type LockRule struct {
	Kind  RuleKind
	Until time.Time // zero: until somebody changes it
}

// A RuleKind is a kind of lock rule.
type RuleKind string

// The kinds.
const (
	RuleNone     RuleKind = ""             // the door works as normal
	RuleSchedule RuleKind = "schedule"     // its unlock schedule holds it open
	RuleUnlocked RuleKind = "unlocked"     // it was unlocked for more than a day
	RuleForTime  RuleKind = "unlocked for" // it was unlocked for a day at most
	RuleLocked   RuleKind = "locked"
)

// A RuleChange is a change of a door's lock rule.
type RuleChange string

// The changes.
const (
	KeepUnlocked RuleChange = "keep unlocked" // for 31 days, as long as a door can be
	KeepLocked   RuleChange = "keep locked"   // until somebody changes it
	UnlockFor    RuleChange = "unlock for"    // some minutes
	EndRule      RuleChange = "end"           // of KeepUnlocked, KeepLocked and UnlockFor: the schedule goes on
	LockEarly    RuleChange = "lock early"    // locks what a schedule holds open, until its next span
	LockNow      RuleChange = "lock now"      // locks what a schedule, or somebody, holds open
)

// act returns the act that a change is.
func (c RuleChange) act() Act {
	switch c {
	case EndRule:
		return EndMode
	case LockEarly, LockNow:
		return EndEarly
	}
	return SetMode
}

// MaxUnlockFor is for how many minutes UnlockFor unlocks at most.
const MaxUnlockFor = 24 * 60

// LockRule returns a door's lock rule.
func (d *Desk) LockRule(ctx context.Context, a Actor, door int64) (rule LockRule, err error) {
	if err := d.check(ctx, a, ViewReaders, new(auditTarget)); err != nil {
		return rule, err
	}
	lives, err := d.lives(ctx)
	if err != nil {
		return rule, err
	}
	now := d.now()
	err = d.site.View(ctx, func(tx *store.Tx) error {
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		if !r.has(Where{Doors, door}) {
			return ErrNotFound
		}
		modes, err := doorModes(tx, door, now)
		if err != nil {
			return err
		}
		readers, err := tx.ReadersAt(store.Doors, door)
		if err != nil {
			return err
		}
		var policies []*wire.Policy
		for _, id := range readers {
			if live := lives.of[id]; live != nil && live.State != nil && waits(live.State.Condition) {
				continue
			}
			p, err := tx.Policy(id)
			if err != nil {
				return err
			}
			policies = append(policies, p)
		}
		rule, err = ruleOf(modes, policies, now)
		return err
	})
	return rule, err
}

// waits says whether an unlock schedule waits for the first person.
func waits(c *wire.Condition) bool { return c != nil && c.Mode != nil && c.Mode.Waits }

// doorModes returns the modes that are wanted at a door now.
func doorModes(tx *store.Tx, door int64, now time.Time) ([]*store.Mode, error) {
	at, err := placeOf(tx, Doors, door)
	if err != nil {
		return nil, err
	}
	hub, err := placeOf(tx, Hubs, at.Parent)
	if err != nil {
		return nil, err
	}
	modes, err := tx.Modes(now.Unix())
	return slices.DeleteFunc(modes, func(m *store.Mode) bool { return !covers(m, hub.Parent, door) }), err
}

// covers says whether a mode is wanted at a door of a location.
func covers(m *store.Mode, location, door int64) bool {
	switch where := whereOf(m); where.Level {
	case Locations:
		return where.ID == location
	case Doors:
		return where.ID == door
	}
	return true
}

// byHand returns which of the modes wanted at a door keeps it locked or unlocked: of equal
// ones the one that lasts longest; nil: none.
func byHand(modes []*store.Mode) (is *store.Mode) {
	for _, m := range modes {
		switch {
		case m.Mode != wire.ModeUnlocked && m.Mode != wire.ModeLocked:
		case is == nil, m.Mode.Above(is.Mode), m.Mode == is.Mode && is.Until != 0 && (m.Until == 0 || m.Until > is.Until):
			is = m
		}
	}
	return is
}

// ruleOf returns the lock rule of a door from the modes that are wanted there, and the
// policies of those of its readers whose schedules wait for nobody.
func ruleOf(modes []*store.Mode, policies []*wire.Policy, now time.Time) (LockRule, error) {
	if m := byHand(modes); m != nil {
		rule := LockRule{RuleUnlocked, moment(m.Until)}
		switch {
		case m.Mode == wire.ModeLocked:
			rule.Kind = RuleLocked
		case rule.Until.Sub(time.UnixMilli(m.At)) <= MaxUnlockFor*time.Minute:
			rule.Kind = RuleForTime
		}
		return rule, nil
	}
	rule := LockRule{}
	for _, p := range policies {
		end, err := presentEnd(p, now)
		if err != nil {
			return rule, err
		}
		switch {
		case end.IsZero():
		case end.Equal(never):
			return LockRule{Kind: RuleSchedule}, nil
		case end.After(rule.Until):
			rule = LockRule{RuleSchedule, end}
		}
	}
	return rule, nil
}

// SetLockRule changes the lock rule of a door: what was wanted of the door by itself before is
// replaced. A change without an effect, because more is wanted of the door's location or of
// the whole site, is refused. minutes are those of UnlockFor. Fields: "rule", "minutes",
// "where".
func (d *Desk) SetLockRule(ctx context.Context, a Actor, door int64, change RuleChange, minutes int) error {
	where := Where{Doors, door}
	target, err := d.target(ctx, where)
	if err != nil {
		target = new(auditTarget)
	}
	// Who may not do it does not learn whether there is such a door.
	if refused := d.check(ctx, a, change.act(), target); refused != nil {
		return refused
	}
	if change == UnlockFor && (minutes < 1 || minutes > MaxUnlockFor) {
		return wrong("minutes", "A door can be unlocked for 1 to %d minutes", MaxUnlockFor)
	}
	if Fields(err)["where"] != nil { // of an id, not of a form
		err = ErrNotFound
	}
	if err != nil {
		return err
	}
	return d.act(ctx, a, change.act(), target, func(tx *store.Tx, now time.Time) error {
		if target.subject, err = where.name(tx); err != nil {
			return err
		}
		in, err := siteZone(tx)
		if err != nil {
			return err
		}
		ended, err := a.endByHand(tx, now, where, change)
		if err != nil {
			return err
		}
		mode, until := wire.ModeUnlocked, int64(0)
		switch change {
		case KeepUnlocked:
			until = now.Add(maxUnlocked).Unix()
		case UnlockFor:
			until = now.Add(time.Duration(minutes) * time.Minute).Unix()
		case KeepLocked:
			mode = wire.ModeLocked
		case EndRule:
			target.text = ended
			return checkRule(tx, now, door, "")
		case LockEarly, LockNow:
			readers, err := where.readers(tx)
			if err != nil {
				return err
			}
			last, endless, err := endEarly(tx, now, readers)
			switch {
			case err != nil:
				return err
			case endless != "":
				return neverCloses(endless)
			case !last.IsZero():
				target.text = language.Say("instead of on %s¦a door is locked", language.Moment(last.In(in)))
			case change == LockEarly:
				return wrong("where", "No unlock schedule holds a door open there now")
			default:
				target.text = ended
			}
			return checkRule(tx, now, door, wire.ModeLocked)
		default:
			return wrong("rule", "Choose a rule that there is")
		}
		target.text = toMode(mode, until, in)
		if err := refusedIn("rule", site.AddMode(tx, now, &store.Mode{Mode: mode, Level: string(Doors), Place: door, Until: until, Who: a.wants(), At: now.UnixMilli()})); err != nil {
			return err
		}
		return checkRule(tx, now, door, mode)
	})
}

// endByHand ends what keeps a door locked or unlocked by hand, as far as a change ends that,
// and describes it.
func (a Actor) endByHand(tx *store.Tx, now time.Time, where Where, change RuleChange) (ended *language.Sentence, err error) {
	level, place := where.stored()
	modes, err := tx.ModesOf(level, place)
	if err != nil {
		return nil, err
	}
	ended = language.Say("nothing was wanted there")
	for _, m := range modes {
		onlyOpen := change == LockEarly || change == LockNow
		switch {
		case m.Mode != wire.ModeUnlocked && (m.Mode != wire.ModeLocked || onlyOpen):
			continue
		case m.Until != 0 && m.Until <= now.Unix(): // it is noted within a minute
			continue
		}
		if err := site.EndMode(tx, now, m, a.wants()); err != nil {
			return nil, err
		}
		ended = language.Say("%s, wanted by %s¦a mode, somebody", modeNamed(m.Mode), m.Who)
	}
	return ended, nil
}

// checkRule refuses a change after which a door is not kept so by hand; "": it is still kept
// locked or unlocked; locked: it is still kept unlocked. Field: "where".
func checkRule(tx *store.Tx, now time.Time, door int64, want wire.Mode) error {
	modes, err := doorModes(tx, door, now)
	if err != nil {
		return err
	}
	is := byHand(modes)
	switch {
	case is == nil, want == is.Mode:
		return nil
	}
	name, err := whereOf(is).name(tx)
	if err != nil {
		return err
	}
	if is.Mode == wire.ModeLocked {
		return wrong("where", "%s wants %s to be kept locked: that must be ended first, in the console", is.Who, name)
	}
	return wrong("where", "%s wants %s to be kept unlocked: that must be ended first, in the console", is.Who, name)
}
