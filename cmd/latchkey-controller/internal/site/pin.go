package site

import (
	"context"
	"errors"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/device/pin"
	"latchkey/sync/wire"
)

// ErrPINTaken says nothing more than that a PIN cannot be had: that somebody
// has it would open their doors.
var ErrPINTaken = errors.New("this PIN cannot be used; choose another PIN")

// A RefusedPIN is a PIN that nobody may have: it has not eight digits, or is
// one of the first that anybody would try.
type RefusedPIN struct{ err error }

func (r *RefusedPIN) Error() string { return r.err.Error() + "; choose another PIN" }

func (r *RefusedPIN) Unwrap() error { return r.err }

// A Choice is who chooses a PIN.
type Choice int

// The choices.
const (
	NoPIN  Choice = iota // there is to be none
	Chosen               // the caller did
	Auto                 // the site does
)

// A PIN is the one that a user is to have.
type PIN struct {
	Choice
	Digits []byte // of a chosen one: eight, ASCII
}

// material is what a PIN is kept as, with the parameters it was made with.
type material struct {
	bytes []byte
	kdf   wire.KDF
}

func (m *material) wipe() {
	if m != nil {
		clear(m.bytes)
	}
}

// withPIN runs act in a transaction with a PIN's material, which it makes
// before: that takes a tenth of a second, in which others may write. m is nil
// without a PIN. A PIN that the site chooses and somebody has is chosen anew;
// its digits are returned.
func (s *Site) withPIN(ctx context.Context, choice PIN, act func(tx *store.Tx, k *keyed, m *material) error) (digits []byte, err error) {
	for {
		m, digits, err := s.material(ctx, choice)
		if err != nil {
			return nil, err
		}
		err = s.Update(ctx, func(tx *store.Tx) error {
			k, err := s.keyed(tx)
			if err != nil {
				return err
			}
			if m != nil && m.kdf != k.kdf {
				return errors.New("the site's parameters for PINs were changed at this moment; try again")
			}
			err = act(tx, k, m)
			if choice.Choice == Auto && errors.Is(err, ErrPINTaken) {
				return errAgain
			}
			return err
		})
		m.wipe()
		if errors.Is(err, errAgain) {
			clear(digits)
			continue
		}
		if err != nil {
			return nil, err
		}
		return digits, nil
	}
}

// material makes the material of a PIN, and its digits if it is to choose them.
func (s *Site) material(ctx context.Context, choice PIN) (m *material, chosen []byte, err error) {
	digits := choice.Digits
	switch choice.Choice {
	case NoPIN:
		return nil, nil, nil
	case Auto:
		if chosen, err = pin.Generate(); err != nil {
			return nil, nil, err
		}
		digits = chosen
	}
	if err := pin.Weak(digits); err != nil {
		return nil, nil, &RefusedPIN{err}
	}
	m = new(material)
	err = s.store.View(ctx, func(tx *store.Tx) error {
		epoch, err := tx.Epoch()
		if err == nil {
			m.kdf = epoch.KDF
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	m.bytes, err = pin.Material(digits, m.kdf)
	return m, chosen, err
}

func isPIN(c *store.Credential) bool { return c.Kind == wire.PIN }

// SetPIN gives a user a PIN in place of the one they may have, and returns its
// digits if it was to choose them.
func (s *Site) SetPIN(ctx context.Context, now time.Time, id uint64, choice PIN) (digits []byte, err error) {
	if choice.Choice == NoPIN {
		return nil, s.RemovePIN(ctx, now, id)
	}
	return s.withPIN(ctx, choice, func(tx *store.Tx, k *keyed, m *material) error {
		u, err := user(tx, id)
		if err != nil {
			return err
		}
		if _, err := take(tx, now, id, isPIN); err != nil {
			return err
		}
		return s.give(tx, k, now, u, wire.PIN, m.bytes)
	})
}

// RemovePIN takes a user's PIN away.
func (s *Site) RemovePIN(ctx context.Context, now time.Time, id uint64) error {
	return s.Update(ctx, func(tx *store.Tx) error {
		u, err := user(tx, id)
		if err != nil {
			return err
		}
		if n, err := take(tx, now, id, isPIN); err != nil {
			return err
		} else if n == 0 {
			return absent(u.Name + " has no PIN")
		}
		return nil
	})
}
