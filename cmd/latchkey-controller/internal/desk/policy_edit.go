package desk

import (
	"context"
	"errors"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/cmd/latchkey-controller/internal/zone"
	"latchkey/sync/wire"
)

// SwitchPIN switches PIN entry of a reader on or off.
func (d *Desk) SwitchPIN(ctx context.Context, a Actor, reader string, on bool) error {
	return d.act(ctx, a, SwitchPIN, &auditTarget{reader: reader, subject: reader, text: onOff(on)}, func(tx *store.Tx, now time.Time) error {
		p, err := site.Policy(tx, reader)
		if err != nil {
			return err
		}
		if !on && p.TwoProofs != nil {
			return wrong("pin", "This door demands card and PIN: end that first, or nobody could open it")
		}
		p.PIN = on
		return site.SetPolicy(tx, now, p)
	})
}

// SetPolicy edits a reader's policy; edit cannot change reader, revision, modes and brokers. was is
// the revision that was edited; if there is a newer one, the change is refused; 0: do
// not check. uses say which hours become those of schedules after the edit; others that the
// edit changes are the policy's own then. Fields: "door", "place", "greeting", "time-zone",
// "language", "limit", "unlock", "extended", "access", "holidays", "exempt", "in-lockdown",
// "opening", "two-proofs", "schedule", "policy".
func (d *Desk) SetPolicy(ctx context.Context, a Actor, reader string, was uint64, edit func(*wire.Policy), uses ...UseSchedule) (*wire.Policy, error) {
	var edited *wire.Policy
	target := &auditTarget{reader: reader, subject: reader}
	err := d.act(ctx, a, EditPolicy, target, func(tx *store.Tx, now time.Time) error {
		before, err := site.Policy(tx, reader)
		if err != nil {
			return err
		}
		if was != 0 && before.Revision != was {
			return changedMeanwhile("policy")
		}
		if edited, err = tx.Policy(reader); err != nil {
			return err
		}
		named, err := tx.ScheduleNames(reader)
		if err != nil {
			return err
		}
		applyEdit(edited, edit)
		if err := takeHours(tx, edited, uses); err != nil {
			return err
		}
		edited.Reader, edited.Revision, edited.Modes, edited.Brokers = reader, before.Revision, before.Modes, before.Brokers
		if o := edited.Opening; o != nil && o.After <= now.Unix() { // it is over
			o.After = 0
		}
		if edited.Access, err = keepVisitors(before.Access, edited.Access); err != nil {
			return err
		}
		if err := checkPolicy(edited); err != nil {
			return err
		}
		if err := refuseNever(before.Access, edited.Access); err != nil {
			return err
		}
		if edited.TwoProofs != nil && before.TwoProofs == nil {
			if level, err := tx.ReaderLevel(reader); err != nil {
				return err
			} else if oldProofs(level) {
				return wrong("two-proofs", "The reader's program is too old to demand card and PIN: update it first")
			}
		}
		if err := a.setPolicy(tx, now, edited); errors.Is(err, site.ErrHolidays) {
			return wrong("holidays", "With those of the site these are more than %d holidays: remove some", wire.MaxHolidays)
		} else if errors.Is(err, store.ErrPolicy) {
			return wrongField("access", err)
		} else if err != nil {
			return err
		}
		if err := noteUses(tx, reader, uses); err != nil {
			return err
		}
		nowNamed, err := tx.ScheduleNames(reader)
		target.text = joined(changes(policySettings(before, named), policySettings(edited, nowNamed))...)
		return err
	})
	return edited, err
}

// refuseNever refuses hours that never come, of groups that had others before. Field: "access".
func refuseNever(before, edited []wire.Access) error {
	never := func(a wire.Access) bool {
		return a.Schedule != nil && len(a.Schedule.Week)+len(a.Schedule.Holiday) == 0
	}
	for _, a := range edited {
		if never(a) && !slices.ContainsFunc(before, func(b wire.Access) bool { return b.Group == a.Group && never(b) }) {
			return wrong("access", "%s could never open this door: enter hours for at least one day, or take it from the list", a.Group)
		}
	}
	return nil
}

// applyEdit edits a policy and tidies the texts that edit changes. Texts that an
// older controller stored untidied stay as they are.
func applyEdit(p *wire.Policy, edit func(*wire.Policy)) {
	was := *p
	edit(p)
	for _, text := range []struct {
		was string
		is  *string
	}{{was.Door, &p.Door}, {was.Place, &p.Place}, {was.Greeting, &p.Greeting}, {was.TimeZone, &p.TimeZone}} {
		if *text.is != text.was {
			*text.is = TidyName(*text.is)
		}
	}
	if p.TimeZone != was.TimeZone {
		p.TimeZone = zone.Named(p.TimeZone)
	}
}

// checkPolicy checks the fields of a policy.
func checkPolicy(p *wire.Policy) error {
	var wrongs FieldErrors
	wrongs.add(wrongField("door", wire.CheckLabel(p.Door)))
	wrongs.add(wrongField("place", wire.CheckLabel(p.Place)))
	wrongs.add(wrongField("greeting", wire.CheckLabel(p.Greeting)))
	wrongs.add(wrongField("language", wire.CheckLanguage(p.Screen.Language)))
	wrongs.add(wrongField("access", wire.CheckAccess(p.Access)))
	wrongs.add(wrongField("holidays", wire.CheckHolidays(p.Holidays)))
	wrongs.add(wrongField("exempt", wire.CheckGroups(p.Exempt)))
	wrongs.add(wrongField("in-lockdown", wire.CheckGroups(p.InLockdown)))
	wrongs.add(wrongField("opening", wire.CheckOpening(p.Opening)))
	wrongs.add(wrongField("two-proofs", wire.CheckTwoProofs(p.TwoProofs)))
	_, err := zone.Load(p.TimeZone)
	wrongs.add(wrongField("time-zone", err))
	if p.Limit < 1 || p.Limit > 10 {
		wrongs.add(wrong("limit", "Choose 1 to 10 wrong PINs in a row"))
	}
	if p.Unlock < 1 || p.Unlock > 60 {
		wrongs.add(wrong("unlock", "Choose an opening time of 1 to 60 seconds"))
	} else if p.Extended < p.Unlock || p.Extended > 300 {
		wrongs.add(wrong("extended", "Choose an extended time of %d to 300 seconds", p.Unlock))
	}
	wrongs.asMistyped()
	if p.TwoProofs != nil && !p.PIN {
		wrongs.add(wrong("two-proofs", "Card and PIN need PIN entry, which is switched off at this door: switch it on first"))
	}
	wrongs.add(checkModeGroups(p))
	return wrongs.err()
}

// checkModeGroups refuses groups that are to open in a mode, or to come first, and may not
// open the door at all.
func checkModeGroups(p *wire.Policy) error {
	may := func(group string) bool {
		return slices.ContainsFunc(p.Access, func(a wire.Access) bool { return a.Group == group || a.Group == wire.Everyone })
	}
	var wrongs FieldErrors
	for _, group := range p.Exempt {
		if site.IsVisitorGroup(group) {
			wrongs.add(wrong("exempt", "Visitors cannot be among those who open while the door is kept locked: choose other groups"))
		} else if !may(group) {
			wrongs.add(wrong("exempt", "%s may not open this door: give it access first, or take it from those who open while the door is kept locked", group))
		}
	}
	for _, group := range p.InLockdown {
		if site.IsVisitorGroup(group) {
			wrongs.add(wrong("in-lockdown", "Visitors cannot be among those who open in a lockdown: choose other groups"))
		} else if !may(group) {
			wrongs.add(wrong("in-lockdown", "%s may not open this door: give it access first, or take it from those who open in a lockdown", group))
		}
	}
	if o := p.Opening; o != nil && site.IsVisitorGroup(o.First) {
		wrongs.add(wrong("opening", "A visitor cannot be the first person: choose another group"))
	} else if o != nil && o.First != "" && !may(o.First) {
		wrongs.add(wrong("opening", "%s may not open this door, so it cannot be the group of the first person: give it access first, or choose another", o.First))
	}
	return wrongs.err()
}

// Policy returns a reader's policy.
func (d *Desk) Policy(ctx context.Context, a Actor, reader string) (p *wire.Policy, err error) {
	err = d.view(ctx, a, ViewReaders, func(tx *store.Tx) error {
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		if !r.hasReader(reader) {
			return ErrNotFound
		}
		p, err = site.Policy(tx, reader)
		return err
	})
	return p, err
}

// policiesInForce returns the policies of all readers with a board.
func policiesInForce(tx *store.Tx) ([]*wire.Policy, error) {
	bundles, err := tx.Bundles()
	if err != nil {
		return nil, err
	}
	readers := make([]string, len(bundles))
	for i, b := range bundles {
		readers[i] = b.Reader
	}
	return tx.Policies(readers)
}
