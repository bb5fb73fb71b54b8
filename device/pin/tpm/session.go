package tpm

import (
	"context"
	"errors"

	"github.com/google/go-tpm/tpm2"
)

// A pinSession is the policy session that authorizes PINs, one after another. With each
// HMAC the TPM resets its policy, so that the next needs the budget anew (Part 1,
// "Session-Based Authorizations").
type pinSession struct {
	session tpm2.Session // nil: none
	opening int          // file.openings when it began
}

// Prepare begins the session that PINs use, unless it is there already, so that the next
// PIN takes a command less. It also has the resource manager save the session anew: one
// that waits for long keeps all others from being saved (TPM_RC_CONTEXT_GAP). Whoever has
// PINs checked calls it each minute. What fails is left to the next PIN.
func (t *TPM) Prepare(ctx context.Context) {
	t.mu.Lock()
	refuse := t.use.refusePIN
	t.mu.Unlock()
	if refuse != nil {
		t.endPINs(ctx)
		return
	}
	t.pins.do(ctx, func(c *conn) error {
		if t.hasPINSession(c) {
			if _, err := (tpm2.PolicyGetDigest{PolicySession: t.session.session.Handle()}).Execute(c); err == nil {
				return nil
			}
			t.endPINSession(c)
		}
		return t.beginPINSession(c)
	})
}

// endPINs ends the session for PINs, so that it takes no room in the TPM.
func (t *TPM) endPINs(ctx context.Context) {
	t.pins.do(ctx, func(c *conn) error {
		t.endPINSession(c)
		return nil
	})
}

// withPINSession runs count, the one command that uses up the budget, and use with the
// session for PINs. An error ends the session, as its policy may have taken a step. Unless
// it is certain that nothing was counted, count is not repeated.
func (t *TPM) withPINSession(c *conn, count, use func(tpm2.Session) error) error {
	has := t.hasPINSession(c)
	if has {
		c.begun = true // so count is sent once, even if the file turns out to be stale
	} else if err := t.beginPINSession(c); err != nil {
		return err
	}
	err := count(t.session.session)
	if has && errors.Is(err, tpm2.TPMRCReferenceH1) {
		// The session went with the TPM's power. Handles are checked before authorizations
		// are (Part 3, "Command Processing"): nothing was counted.
		if err := t.beginPINSession(c); err != nil {
			return err
		}
		err = count(t.session.session)
	}
	if errors.Is(err, tpm2.TPMRCNonce) {
		t.session = pinSession{} // the handle is another session's since a reset: it stays as it is
		return err
	}
	if err == nil {
		err = use(t.session.session)
	}
	if err != nil {
		t.endPINSession(c)
	}
	return err
}

// hasPINSession returns whether there is a session of this opening of the file.
func (t *TPM) hasPINSession(c *conn) bool {
	return t.session.session != nil && t.session.opening == c.openings && c.tpm != nil
}

func (t *TPM) beginPINSession(c *conn) error {
	t.session = pinSession{}
	session, _, err := tpm2.PolicySession(c, tpm2.TPMAlgSHA256, 16)
	if err != nil {
		return err
	}
	t.session = pinSession{session: session, opening: c.openings}
	return nil
}

func (t *TPM) endPINSession(c *conn) {
	if t.hasPINSession(c) {
		c.flush(t.session.session.Handle())
	}
	t.session = pinSession{}
}
