package desk

import (
	"context"
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
		p.PIN = on
		return site.SetPolicy(tx, now, p)
	})
}

// SetPolicy edits a reader's policy; edit cannot change reader and revision. was is
// the revision that was edited; if there is a newer one, the change is refused; 0: do
// not check. Fields: "door", "place", "greeting", "time-zone", "language", "limit",
// "unlock", "extended", "access", "holidays", "policy".
func (d *Desk) SetPolicy(ctx context.Context, a Actor, reader string, was uint64, edit func(*wire.Policy)) (*wire.Policy, error) {
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
		applyEdit(edited, edit)
		edited.Reader, edited.Revision = reader, before.Revision
		if err := checkPolicy(edited); err != nil {
			return err
		}
		target.text = changes(policySettings(before), policySettings(edited))
		return site.SetPolicy(tx, now, edited)
	})
	return edited, err
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
	return wrongs.err()
}

// Policy returns a reader's policy.
func (d *Desk) Policy(ctx context.Context, a Actor, reader string) (p *wire.Policy, err error) {
	err = d.view(ctx, a, ViewReaders, func(tx *store.Tx) error {
		p, err = site.Policy(tx, reader)
		return err
	})
	return p, err
}

// policiesInForce returns the policies of all readers with a board.
func policiesInForce(tx *store.Tx) (policies []*wire.Policy, err error) {
	bundles, err := tx.Bundles()
	if err != nil {
		return nil, err
	}
	for _, b := range bundles {
		p, err := tx.Policy(b.Reader)
		if err != nil {
			return nil, err
		}
		policies = append(policies, p)
	}
	return policies, nil
}
