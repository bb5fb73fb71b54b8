package site

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/device/pin"
	"latchkey/sync/wire"
)

// ErrPINTaken does not say why the PIN cannot be used: to know that it is assigned
// would open doors.
var ErrPINTaken = language.Say("this PIN cannot be used; choose another PIN")

// Refusals of a PIN for duress, and beside one.
var (
	// ErrNoPIN: who has no other PIN would use it each day.
	ErrNoPIN = language.Say("a PIN for duress is a second one; give them a PIN first")
	// ErrLimitedPIN: it has no limits, and so the other would have none.
	ErrLimitedPIN = language.Say("a PIN for duress has no limits; give them a PIN without limits first")
	// ErrDuressPIN: the same.
	ErrDuressPIN = language.Say("they have a PIN for duress, which has no limits; remove that first")
)

// A RefusedPIN is a PIN that nobody may have: it does not have eight digits, or it is
// too easy to guess.
type RefusedPIN struct{ err error }

func (r *RefusedPIN) Error() string { return r.Said().String() }

// Said returns the sentence.
func (r *RefusedPIN) Said() *language.Sentence {
	return language.Say("%s; choose another PIN", weakness(r.err))
}

func (r *RefusedPIN) Unwrap() error { return r.err }

// weakness returns what an error of pin.Weak says.
func weakness(err error) *language.Sentence {
	switch {
	case errors.Is(err, pin.ErrEqual):
		return language.Say("all digits of this PIN are equal")
	case errors.Is(err, pin.ErrRun):
		return language.Say("the digits of this PIN run up or down")
	case errors.Is(err, pin.ErrRepeat):
		return language.Say("this PIN repeats its first digits")
	case errors.Is(err, pin.ErrDate):
		return language.Say("this PIN is a date")
	}
	return language.Say("a PIN is eight digits")
}

// A NewPIN is a PIN to be assigned, already stretched: that takes a tenth of a
// second, too long for a transaction.
type NewPIN struct {
	Digits []byte // eight, ASCII; a chosen PIN's belong to the caller
	PINTerms

	generated bool
	refused   *RefusedPIN // why nobody gets it; nil: somebody may
	material  []byte      // what is sealed, and what tags are made of
	kdf       wire.KDF    // parameters of the stretching
}

// PINTerms are what a PIN is for, and its limits.
type PINTerms struct {
	Duress bool   // it is the one of its user that is an alarm as well
	Uses   uint8  // how often it may be used, up to wire.MaxUses; 0: no limit
	Within uint32 // seconds from its first use, wire.MinWithin to wire.MaxWithin; 0: no limit
}

// Wipe clears the stretched PIN; a nil p is fine.
func (p *NewPIN) Wipe() {
	if p != nil {
		clear(p.material)
	}
}

// ChosenPIN stretches a PIN that a person chose. The error is a *RefusedPIN if nobody
// may have it.
func (s *Site) ChosenPIN(ctx context.Context, digits []byte) (*NewPIN, error) {
	if err := pin.Weak(digits); err != nil {
		return nil, &RefusedPIN{err}
	}
	return s.stretched(ctx, digits)
}

// UnsuitablePIN stretches a PIN that ChosenPIN refuses. SetPIN refuses it, too, after the work
// that it has with a PIN that is taken: those who must not learn that one is taken cannot tell
// them apart by the time.
func (s *Site) UnsuitablePIN(ctx context.Context, digits []byte, why *RefusedPIN) (*NewPIN, error) {
	p, err := s.stretched(ctx, digits)
	if err == nil {
		p.refused = why
	}
	return p, err
}

func (s *Site) stretched(ctx context.Context, digits []byte) (*NewPIN, error) {
	p := &NewPIN{Digits: digits}
	err := s.View(ctx, func(tx *store.Tx) error {
		epoch, err := tx.Epoch()
		if err == nil {
			p.kdf = epoch.KDF
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	p.material, err = pin.Material(digits, p.kdf)
	return p, err
}

// GeneratedPIN generates a PIN that is not assigned.
func (s *Site) GeneratedPIN(ctx context.Context) (*NewPIN, error) {
	for {
		digits, err := pin.Generate()
		if err != nil {
			return nil, err
		}
		p, err := s.ChosenPIN(ctx, digits)
		if err != nil {
			return nil, err
		}
		var taken bool
		err = s.View(ctx, func(tx *store.Tx) error {
			tag, err := s.tag(tx, wire.PIN, p.material)
			if err != nil {
				return err
			}
			taken, err = tx.Taken(tag)
			return err
		})
		if err == nil && !taken {
			p.generated = true
			return p, nil
		}
		p.Wipe()
		clear(digits)
		if err != nil {
			return nil, err
		}
	}
}

var errKDF = errors.New("the site's PIN parameters have just changed; try again")

// givePIN gives a user a PIN, if all readers understand it.
func (s *Site) givePIN(tx *store.Tx, now time.Time, by string, u *store.User, p *NewPIN) error {
	epoch, err := tx.Epoch()
	if err != nil {
		return err
	}
	if p.kdf != epoch.KDF {
		return errKDF
	}
	c := &store.Credential{Kind: wire.PIN, By: by, Duress: p.Duress, Uses: p.Uses, Within: p.Within}
	if c.Duress || c.Limited() {
		if err := allUnderstand(tx, wire.LevelProofs); err != nil {
			return err
		}
	}
	err = s.storeCredential(tx, now, u, c, p.material)
	if err == nil && p.refused != nil {
		return p.refused // which undoes all of it
	}
	if p.generated && errors.Is(err, ErrPINTaken) { // not a guess
		return language.Say("the generated PIN has just been given to somebody; try again")
	}
	return err
}

// isPIN matches the PIN of a user, or the one for duress.
func isPIN(duress bool) func(*store.Credential) bool {
	return func(c *store.Credential) bool { return c.Kind == wire.PIN && c.Duress == duress }
}

// OldReaders are adopted readers that are too old for a credential.
type OldReaders struct{ IDs []string }

// maxNamedOld is how many readers the error names.
const maxNamedOld = 5

func (o *OldReaders) Error() string { return o.Said().String() }

// Said names the readers, and what to do.
func (o *OldReaders) Said() *language.Sentence {
	named := strings.Join(o.IDs[:min(len(o.IDs), maxNamedOld)], ", ")
	if len(o.IDs) > maxNamedOld {
		named += ", …"
	}
	return language.Count(len(o.IDs), "the reader %[2]s is too old for such a PIN, and would get no credentials any more: update it first",
		"%[1]d readers are too old for such a PIN, and would get no credentials any more: update them first: %[2]s", named)
}

// allUnderstand returns *OldReaders if adopted readers are of a level below one. Readers
// that have not said theirs yet count as new.
func allUnderstand(tx *store.Tx, level int) error {
	bundles, err := tx.Bundles()
	if err != nil {
		return err
	}
	var old OldReaders
	for _, b := range bundles {
		has, err := tx.ReaderLevel(b.Reader)
		if err != nil {
			return err
		}
		if has != store.LevelUnknown && has < level {
			old.IDs = append(old.IDs, b.Reader)
		}
	}
	if len(old.IDs) > 0 {
		slices.Sort(old.IDs)
		return &old
	}
	return nil
}

// SetPIN replaces a user's PIN, if any; one for duress, which needs a PIN that it is beside,
// replaces the one for duress. by is who assigns it.
func (s *Site) SetPIN(tx *store.Tx, now time.Time, by string, id uint64, p *NewPIN) error {
	u, err := User(tx, id)
	if err != nil {
		return err
	}
	credentials, err := tx.CredentialsOf(id)
	if err != nil {
		return err
	}
	other := slices.IndexFunc(credentials, isPIN(!p.Duress))
	switch {
	case p.Duress && other < 0:
		return ErrNoPIN
	case p.Duress && credentials[other].Limited():
		return ErrLimitedPIN
	case !p.Duress && other >= 0 && (p.Uses != 0 || p.Within != 0):
		return ErrDuressPIN
	}
	if _, err := removeCredentials(tx, now, id, isPIN(p.Duress)); err != nil {
		return err
	}
	return s.givePIN(tx, now, by, u, p)
}

// RemovePIN removes the one for duress of a user's PINs, or both.
func RemovePIN(tx *store.Tx, now time.Time, id uint64, duress bool) error {
	u, err := User(tx, id)
	if err != nil {
		return err
	}
	n, err := removeCredentials(tx, now, id, func(c *store.Credential) bool {
		return c.Kind == wire.PIN && (c.Duress || !duress)
	})
	switch {
	case err != nil || n > 0:
	case duress:
		return absent(u.Name + " has no PIN for duress")
	default:
		return absent(u.Name + " has no PIN")
	}
	return err
}
