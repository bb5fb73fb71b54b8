package site

import (
	"context"
	"errors"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/device/pin"
	"latchkey/sync/wire"
)

// ErrPINTaken does not say why the PIN cannot be used: to know that it is assigned
// would open doors.
var ErrPINTaken = errors.New("this PIN cannot be used; choose another PIN")

// A RefusedPIN is a PIN that nobody may have: it does not have eight digits, or it is
// too easy to guess.
type RefusedPIN struct{ err error }

func (r *RefusedPIN) Error() string { return r.err.Error() + "; choose another PIN" }

func (r *RefusedPIN) Unwrap() error { return r.err }

// A NewPIN is a PIN to be assigned, already stretched: that takes a tenth of a
// second, too long for a transaction.
type NewPIN struct {
	Digits []byte // eight, ASCII; a chosen PIN's belong to the caller

	generated bool
	material  []byte   // what is sealed, and what tags are made of
	kdf       wire.KDF // parameters of the stretching
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

// givePIN gives a user a PIN.
func (s *Site) givePIN(tx *store.Tx, now time.Time, by string, u *store.User, p *NewPIN) error {
	epoch, err := tx.Epoch()
	if err != nil {
		return err
	}
	if p.kdf != epoch.KDF {
		return errors.New("the site's PIN parameters have just changed; try again")
	}
	err = s.addCredential(tx, now, by, u, wire.PIN, p.material)
	if p.generated && errors.Is(err, ErrPINTaken) { // not a guess
		return errors.New("the generated PIN has just been given to somebody; try again")
	}
	return err
}

func isPIN(c *store.Credential) bool { return c.Kind == wire.PIN }

// SetPIN replaces a user's PIN, if any. by is who assigns it.
func (s *Site) SetPIN(tx *store.Tx, now time.Time, by string, id uint64, p *NewPIN) error {
	u, err := User(tx, id)
	if err != nil {
		return err
	}
	if _, err := removeCredentials(tx, now, id, isPIN); err != nil {
		return err
	}
	return s.givePIN(tx, now, by, u, p)
}

// RemovePIN removes a user's PIN.
func RemovePIN(tx *store.Tx, now time.Time, id uint64) error {
	u, err := User(tx, id)
	if err != nil {
		return err
	}
	n, err := removeCredentials(tx, now, id, isPIN)
	if err == nil && n == 0 {
		return absent(u.Name + " has no PIN")
	}
	return err
}
