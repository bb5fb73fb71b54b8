package tpm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"

	"latchkey/device/pin"
	"latchkey/sync/wire"
)

const (
	wrappingKind = 3  // see pin.Keys.WrappingKey
	macSize      = 32 // HMAC-SHA-256
)

// Tag returns the first 16 bytes of HMAC-SHA-256(key, kind ‖ material), the key being the
// kind's, as pin.Keys.Tag does. Each tag of a PIN uses up one of the budget, before it is
// there; after the last one it is ErrSpent. The rest of a PIN's HMAC is kept nowhere:
// TPM2_VerifySignature tells anybody who has the whole, as often as they like, whether it
// is right.
func (t *TPM) Tag(ctx context.Context, kind wire.CredentialKind, material []byte) (wire.Tag, error) {
	switch kind {
	case wire.PIN:
		if len(material) != pin.MaterialSize {
			return wire.Tag{}, fmt.Errorf("tpm: a PIN's material has %d bytes, not %d", pin.MaterialSize, len(material))
		}
		mac, err := t.pinMAC(ctx, material)
		if err != nil {
			return wire.Tag{}, err
		}
		defer clear(mac[:])
		return *mac, nil
	case wire.Card:
		mac, err := t.cardMAC(ctx, byte(kind), material)
		if err != nil {
			return wire.Tag{}, err
		}
		defer clear(mac[:])
		return wire.Tag(mac[:len(wire.Tag{})]), nil
	}
	return wire.Tag{}, fmt.Errorf("tpm: no tag for %v", kind)
}

// WrappingKey returns HMAC-SHA-256(card key, 3 ‖ identifier), as pin.Keys.WrappingKey
// does. The caller wipes it.
func (t *TPM) WrappingKey(ctx context.Context, uid []byte) (*[32]byte, error) {
	return t.cardMAC(ctx, wrappingKind, uid)
}

// pinMAC returns the first half of a PIN's HMAC: three commands, and one more where the
// session has to be begun.
func (t *TPM) pinMAC(ctx context.Context, material []byte) (*wire.Tag, error) {
	select {
	case t.gate <- struct{}{}:
		defer func() { <-t.gate }()
	case <-ctx.Done():
		return nil, fmt.Errorf("tpm: PIN: %w: %w", ErrBusy, ctx.Err())
	}
	t.mu.Lock()
	use := t.use
	t.mu.Unlock()
	if use.refusePIN != nil {
		return nil, fmt.Errorf("tpm: PIN: %w", use.refusePIN)
	}
	message := append([]byte{byte(wire.PIN)}, material...)
	tag := new(wire.Tag)
	err := t.pins.do(ctx, func(c *conn) (err error) {
		defer clear(message)
		pin.Secretly(func() {
			err = t.withPINSession(c, func(session tpm2.Session) error {
				// With the nonce, this changes no other session that has the handle since a reset.
				_, err := tpm2.PolicySecret{AuthHandle: tpm2.AuthHandle{Handle: indexHandle, Name: use.index.written, Auth: tpm2.PasswordAuth(nil)},
					PolicySession: session.Handle(), NonceTPM: session.NonceTPM()}.Execute(c)
				if err != nil {
					return fmt.Errorf("budget: %w", err)
				}
				return nil
			}, func(session tpm2.Session) error {
				if _, err := (tpm2.PolicyCommandCode{PolicySession: session.Handle(), Code: tpm2.TPMCCHMAC}).Execute(c); err != nil {
					return err
				}
				return c.mac(tpm2.AuthHandle{Handle: pinHandle, Name: use.pin, Auth: session}, message, tag[:])
			})
		})
		return explainIndex(err)
	}, message, tag[:])
	if err != nil {
		return nil, fmt.Errorf("tpm: PIN: %w", err)
	}
	return tag, nil
}

// explainIndex says in an error what the TPM's code means for a command that depends on
// the index.
func explainIndex(err error) error {
	var rc tpm2.TPMRC
	if !errors.As(err, &rc) {
		return err
	}
	switch {
	case rc == tpm2.TPMRCAuthUnavailable:
		return fmt.Errorf("%w: %w", ErrSpent, err)
	case rc == tpm2.TPMRCNVUninitialized, errors.Is(rc, tpm2.TPMRCHandle), errors.Is(rc, tpm2.TPMRCPolicyFail):
		return fmt.Errorf("%w: %w", ErrNoBudget, err) // no index, or not this one
	}
	return err
}

// cardMAC returns an HMAC by the card key: one command.
func (t *TPM) cardMAC(ctx context.Context, kind byte, uid []byte) (*[macSize]byte, error) {
	if err := pin.CheckCard(uid); err != nil {
		return nil, err
	}
	t.mu.Lock()
	use := t.use
	t.mu.Unlock()
	if use.refuseCard != nil {
		return nil, fmt.Errorf("tpm: card: %w", use.refuseCard)
	}
	message := append([]byte{kind}, uid...)
	mac := new([macSize]byte)
	err := t.cards.do(ctx, func(c *conn) (err error) {
		defer clear(message)
		pin.Secretly(func() {
			err = c.mac(tpm2.AuthHandle{Handle: cardHandle, Name: use.card, Auth: tpm2.PasswordAuth(nil)}, message, mac[:])
		})
		return err
	}, message, mac[:])
	if err != nil {
		return nil, fmt.Errorf("tpm: card: %w", err)
	}
	return mac, nil
}

// mac fills out with the beginning of a message's HMAC.
func (c *conn) mac(key tpm2.AuthHandle, message, out []byte) error {
	answer, err := tpm2.Hmac{Handle: key, Buffer: tpm2.TPM2BMaxBuffer{Buffer: message}, HashAlg: tpm2.TPMAlgSHA256}.Execute(c)
	if err != nil {
		return fmt.Errorf("HMAC: %w", err)
	}
	mac := answer.OutHMAC.Buffer
	defer clear(mac)
	if len(mac) != macSize {
		return fmt.Errorf("HMAC: an answer of %d bytes", len(mac))
	}
	copy(out, mac)
	return nil
}

// Budget returns how many PINs the TPM has checked, and how many it will. Asking does not
// count.
func (t *TPM) Budget(ctx context.Context) (wire.Budget, error) {
	t.mu.Lock()
	index := t.use.index
	t.mu.Unlock()
	if index == nil {
		return wire.Budget{}, fmt.Errorf("tpm: budget: %w", ErrNoKeys)
	}
	var budget wire.Budget
	err := t.do(ctx, func(c *conn) error {
		got, err := c.budget(index)
		if err == nil {
			budget = got
		}
		return err
	})
	if err != nil {
		return wire.Budget{}, fmt.Errorf("tpm: budget: %w", err)
	}
	return budget, nil
}

func (c *conn) budget(i *index) (budget wire.Budget, err error) {
	err = c.withPolicy(func(session tpm2.TPMHandle) error {
		if _, err := (tpm2.PolicyCommandCode{PolicySession: session, Code: tpm2.TPMCCNVRead}).Execute(c); err != nil {
			return err
		}
		branches := or(i.branches[:])
		branches.PolicySession = session
		_, err := branches.Execute(c)
		return err
	}, func(session tpm2.Session) error {
		answer, err := tpm2.NVRead{AuthHandle: tpm2.AuthHandle{Handle: indexHandle, Name: i.written, Auth: session},
			NVIndex: tpm2.NamedHandle{Handle: indexHandle, Name: i.written}, Size: 8}.Execute(c)
		if err != nil {
			return err
		}
		data := answer.Data.Buffer
		if len(data) != 8 {
			return fmt.Errorf("an answer of %d bytes", len(data))
		}
		budget = wire.Budget{Spent: binary.BigEndian.Uint32(data), Limit: binary.BigEndian.Uint32(data[4:])}
		return nil
	})
	return budget, explainIndex(err)
}
