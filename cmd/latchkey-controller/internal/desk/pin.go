package desk

import (
	"context"
	"errors"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/device/pin"
	"latchkey/sync/wire"
)

// A Choice is how a PIN is chosen. Its text is the audit's.
type Choice string

// The choices.
const (
	NoPIN  Choice = ""       // no PIN
	Chosen Choice = "chosen" // by the administrator
	Auto   Choice = "generated"
)

// A PIN is a choice of PIN: PIN{Choice: Auto}, or PIN{Chosen, digits}.
type PIN struct {
	Choice
	Digits []byte // of a Chosen PIN: eight, ASCII
	Limits PINLimits
}

// PINLimits limit how often, and for how long, a PIN may be used. The zero value is none.
type PINLimits struct {
	Uses   int           // up to wire.MaxUses; 0: no limit
	Within time.Duration // from its first use, in whole seconds from wire.MinWithin to wire.MaxWithin; 0: no limit
}

// terms returns the limits as the site keeps them, or the errors in the fields "uses" and
// "within".
func (l PINLimits) terms() (terms site.PINTerms, wrongs FieldErrors) {
	if l.Uses < 0 || l.Uses > wire.MaxUses {
		wrongs.add(wrong("uses", "Choose 1 to %d uses, or leave it empty for no limit", wire.MaxUses))
	}
	if l.Within != 0 && (l.Within < wire.MinWithin*time.Second || l.Within > wire.MaxWithin*time.Second || l.Within%time.Second != 0) {
		wrongs.add(wrong("within", "Choose 1 minute to 31 days from the first use, or leave it empty for no limit"))
	}
	return site.PINTerms{Uses: uint8(l.Uses), Within: uint32(l.Within / time.Second)}, wrongs
}

// limitsOf returns the limits of a PIN.
func limitsOf(c *store.Credential) PINLimits {
	return PINLimits{int(c.Uses), time.Duration(c.Within) * time.Second}
}

// String describes the limits: "for 2 uses, for 8 hours from the first"; "": none.
func (l PINLimits) String() string { return l.said().String() }

// said describes the limits; nil: none.
func (l PINLimits) said() *language.Sentence {
	var says language.Series
	if l.Uses != 0 {
		says = append(says, language.Count(l.Uses, "for %d use", "for %d uses"))
	}
	if l.Within != 0 {
		says = append(says, language.Say("for %s from the first use", durationText(uint32(l.Within/time.Second))))
	}
	if len(says) == 0 {
		return nil
	}
	return language.Say("%s", says)
}

// text describes a choice of PIN in the audit; nil: none.
func (p PIN) text() *language.Sentence {
	var says language.Series
	switch p.Choice {
	case Auto:
		says = append(says, language.Say("generated¦a PIN"))
	case Chosen:
		says = append(says, language.Say("chosen¦a PIN"))
	default:
		says = append(says, language.Data(string(p.Choice)))
	}
	if limits := p.Limits.said(); limits != nil {
		says = append(says, limits)
	}
	return language.Say("%s", says)
}

// A PINUse is how often a PIN with limits was used at a reader.
type PINUse struct {
	Reader, Door string
	Uses         int
	First        time.Time // that it told of
}

// pinUses returns how often a PIN with limits was used.
func pinUses(tx *store.Tx, c *store.Credential) (used []PINUse, err error) {
	if !c.Limited() {
		return nil, nil
	}
	uses, err := tx.UsesOf(c.ID)
	if err != nil {
		return nil, err
	}
	places, err := tx.ReaderPlaces()
	for _, u := range uses {
		used = append(used, PINUse{Reader: u.Reader, Door: doorName(places, u.Reader), Uses: int(u.Uses), First: moment(u.First)})
	}
	return used, err
}

// newPIN prepares the PIN of a choice; nil: no PIN. It also returns the digits of a
// generated PIN, to be shown once.
func (d *Desk) newPIN(ctx context.Context, choice PIN) (pin *site.NewPIN, digits []byte, err error) {
	terms, wrongs := choice.Limits.terms()
	if err := wrongs.err(); err != nil && choice.Choice != NoPIN {
		return nil, nil, err
	}
	switch choice.Choice {
	case Chosen:
		pin, err = d.site.ChosenPIN(ctx, choice.Digits)
	case Auto:
		if pin, err = d.site.GeneratedPIN(ctx); err == nil {
			digits = pin.Digits
		}
	}
	if pin != nil {
		pin.PINTerms = terms
	}
	return pin, digits, credentialError(err)
}

// SetPIN replaces a user's PIN; the one for duress stays. It returns the digits of a
// generated PIN, for the caller to show once and to wipe. A PIN that is already assigned is
// refused with site.ErrPINTaken in the field "pin"; after five of these in a day, only a
// generated PIN is possible. Other fields: "uses", "within".
func (d *Desk) SetPIN(ctx context.Context, a Actor, id uint64, choice PIN) (digits []byte, err error) {
	if choice.Choice == NoPIN {
		return nil, d.RemovePIN(ctx, a, id)
	}
	return d.setPIN(ctx, a, SetPIN, id, choice)
}

// SetDuressPIN is SetPIN for the PIN that a user enters under duress: it opens as any other,
// and is an alarm for those who may ViewDuress. The user needs a PIN besides, and it has no
// limits.
func (d *Desk) SetDuressPIN(ctx context.Context, a Actor, id uint64, choice PIN) (digits []byte, err error) {
	if choice.Choice == NoPIN {
		return nil, d.RemoveDuressPIN(ctx, a, id)
	}
	choice.Limits = PINLimits{}
	return d.setPIN(ctx, a, SetDuressPIN, id, choice)
}

func (d *Desk) setPIN(ctx context.Context, a Actor, act Act, id uint64, choice PIN) (digits []byte, err error) {
	target := &auditTarget{user: id, text: choice.text()}
	if err := d.check(ctx, a, act, target); err != nil {
		return nil, err
	}
	drawn := choice.Choice == Chosen && d.drawn.has(a, d.now(), choice.Digits)
	pin, digits, err := d.newPIN(ctx, choice)
	if weak := (*site.RefusedPIN)(nil); a.Via == API && errors.As(err, &weak) {
		pin, err = d.site.UnsuitablePIN(ctx, choice.Digits, weak)
	}
	if err != nil {
		return nil, err
	}
	defer pin.Wipe()
	pin.Duress = act == SetDuressPIN
	err = d.act(ctx, a, act, target, func(tx *store.Tx, now time.Time) error {
		if err := d.clashLimit(tx, a, choice.Choice, false); err != nil {
			return err
		}
		if err := checkVisitorsPIN(tx, now, id, choice, drawn); err != nil {
			return err
		}
		return d.site.SetPIN(tx, now, a.Name, id, pin)
	})
	if err != nil {
		return nil, credentialError(err)
	}
	return digits, nil
}

// DrawPIN returns a random PIN of those that somebody may have, for the caller to wipe. It is not
// looked up whether it is taken, so that nobody learns of a PIN that it is not: SetPIN may refuse
// it. For ten minutes the same actor may give it to a visitor, too.
func (d *Desk) DrawPIN(ctx context.Context, a Actor) ([]byte, error) {
	if err := d.check(ctx, a, SetPIN, new(auditTarget)); err != nil {
		return nil, err
	}
	digits, err := pin.Generate()
	if err == nil {
		d.drawn.add(a, d.now(), digits)
	}
	return digits, err
}

// RemovePIN removes a user's PIN, and the one for duress with it.
func (d *Desk) RemovePIN(ctx context.Context, a Actor, id uint64) error {
	return d.act(ctx, a, RemovePIN, &auditTarget{user: id}, func(tx *store.Tx, now time.Time) error {
		return site.RemovePIN(tx, now, id, false)
	})
}

// RemoveDuressPIN removes a user's PIN for duress.
func (d *Desk) RemoveDuressPIN(ctx context.Context, a Actor, id uint64) error {
	return d.act(ctx, a, RemoveDuressPIN, &auditTarget{user: id}, func(tx *store.Tx, now time.Time) error {
		return site.RemovePIN(tx, now, id, true)
	})
}

// credentialError adds the field to an error about a PIN or a card.
func credentialError(err error) error {
	var refused *site.RefusedPIN
	var old *site.OldReaders
	switch {
	case errors.Is(err, site.ErrPINTaken), errors.Is(err, site.ErrNoPIN), errors.Is(err, site.ErrLimitedPIN), errors.Is(err, site.ErrDuressPIN), errors.As(err, &refused), errors.As(err, &old):
		return wrongField("pin", err)
	case errors.Is(err, site.ErrCardTaken), errors.Is(err, site.ErrOtherKeys):
		return wrongField("card", err)
	}
	return err
}

// A clash reveals that a chosen PIN, or a typed card, which can be copied, opens a
// door. These limit the clashes in 24 hours.
const (
	maxClashesPerAdmin = 5
	maxClashes         = 20
)

// clashLimit refuses any chosen PIN or typed card after too many clashes. It counts
// in the transaction that would find the next one.
func (d *Desk) clashLimit(tx *store.Tx, a Actor, choice Choice, typed bool) error {
	pin := choice == Chosen
	if !pin && !typed {
		return nil
	}
	now, err := d.steady(tx)
	if err != nil {
		return err
	}
	_, before, err := tx.OlderThan(now.Add(-24 * time.Hour))
	if err != nil {
		return err
	}
	own, all, err := tx.Clashes(a.ID, before)
	switch {
	case err != nil:
		return err
	case own >= maxClashesPerAdmin && pin:
		return wrong("pin", "You have entered %d unusable PINs or cards today; let the PIN be generated", own)
	case own >= maxClashesPerAdmin:
		return wrong("card", "You have entered %d unusable PINs or cards today; have the card read at a reader", own)
	case all >= maxClashes && pin:
		return wrong("pin", "%d unusable PINs or cards were entered today; let the PIN be generated", all)
	case all >= maxClashes:
		return wrong("card", "%d unusable PINs or cards were entered today; have the card read at a reader", all)
	}
	return nil
}
