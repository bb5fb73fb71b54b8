// Package tpm keeps the keys of an epoch in a TPM 2.0, with a budget of guesses: the TPM
// counts each use of the PIN key before it answers, and stops at a limit that only the
// site's grant key raises. Whoever steals the reader can try no more PINs than that. The
// reader's own keys, by which its controller knows it, are in the TPM too: a copied disk
// is no reader.
//
// Five persistent objects and an index of the owner hierarchy are the reader's: see
// areas.go. The owner's password must be empty; it protects nothing here.
//
// swtpm, which tests use, protects nothing: whoever copies its state back sets the count
// back.
package tpm

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"latchkey/sync/wire"
)

var (
	// ErrAbsent says that the TPM cannot be opened or does not answer properly.
	ErrAbsent = errors.New("no working TPM: check that it is fitted and enabled, and that the service may open it")
	// ErrBusy says that the TPM has not answered in time.
	ErrBusy = errors.New("the TPM does not answer in time: try again; if it stays so, power-cycle the board")
	// ErrSpent says that the TPM will check no more PINs until it has a grant.
	ErrSpent = errors.New("the TPM's budget of PINs is spent: bring it the controller's next grant")
	// ErrNoBudget says that the TPM has no budget for these keys.
	ErrNoBudget = errors.New("the TPM has no budget for these keys: connect the reader to its controller, or have it adopted anew while it runs")
	// ErrForeign says that the keys are for another TPM, or that this one was cleared.
	ErrForeign = errors.New("the keys are wrapped to another TPM, or this one was cleared: adopt the reader again")
	// ErrGrant says that a grant is not for this TPM, or not the controller's.
	ErrGrant = errors.New("the grant is not the controller's for this TPM: fetch its newest one")
	// ErrOwned says that the password of the owner or of the endorsement hierarchy is set.
	ErrOwned = errors.New("the TPM's owner or endorsement hierarchy has a password: clear the TPM, then adopt the reader again")
	// ErrFull says that others have used up the TPM's room.
	ErrFull = errors.New("the TPM is full: end the programs that use it, or remove their keys and indexes")
	// ErrIdentity says that the TPM does not have the reader's own keys.
	ErrIdentity = errors.New("the reader's own keys are in another TPM, or this one was cleared: run latchkeyd identity, and have the reader adopted with the new request")
	// ErrNoKeys says that Use was not called, or failed before the key was there.
	ErrNoKeys = errors.New("the TPM has not been given this key yet")

	errRefused = errors.New("the TPM refuses a command")
)

// Known returns which of the errors above err is, without what was being done and the TPM's
// codes; nil: none.
func Known(err error) error {
	for _, known := range []error{ErrAbsent, ErrBusy, ErrSpent, ErrNoBudget, ErrForeign, ErrGrant, ErrOwned, ErrFull, ErrIdentity, ErrNoKeys} {
		if errors.Is(err, known) {
			return known
		}
	}
	return nil
}

// A TPM is a TPM 2.0 with the keys of one reader. Its methods may be called from several
// goroutines. Each waits for the TPM until its ctx ends, no longer.
type TPM struct {
	// PINs, cards and the reader's own keys each have a file of their own: /dev/tpmrm0 saves
	// and loads, around each command, whatever a file holds.
	pins, cards, identity, rest *file

	// gate holds an element while a PIN is checked: somebody waits for it at a TPM that has one
	// command at a time. identity and rest send their next command when it is done.
	gate chan struct{}

	mu  sync.Mutex
	use use

	session  pinSession // of pins' job
	nonce    nonce      // of rest's job
	endorsed endorsed   // of rest's job
}

// A use is which keys are in use.
type use struct {
	card, pin             tpm2.TPM2BName
	index                 *index // of the PIN key; nil: not known
	refuseCard, refusePIN error  // why a key cannot be used; nil: it can
}

// A nonce is the policy session that a first grant needs.
type nonce struct {
	session tpm2.Session // nil: none
	value   wire.TPMNonce
	begun   time.Time
	opening int // file.openings when it began
}

// An endorsed is the certificate of the TPM's endorsement key, as it was read when the TPM
// had this parent.
type endorsed struct {
	parent, certificate []byte // no parent: not read yet; no certificate: there is none
}

// maxNonce is how long the session of a nonce may wait. A session that waits for long
// keeps all others from being saved (TPM_RC_CONTEXT_GAP).
const maxNonce = 24 * time.Hour

// Open returns the TPM at this path: /dev/tpmrm0, or the Unix socket of swtpm. It is
// opened when it is needed, and again after a failure.
func Open(path string) *TPM {
	return open(func() (transport.TPMCloser, error) { return openPath(path) })
}

func open(transport func() (transport.TPMCloser, error)) *TPM {
	t := &TPM{pins: newFile(transport), cards: newFile(transport), identity: newFile(transport), rest: newFile(transport), gate: make(chan struct{}, 1), use: use{refuseCard: ErrNoKeys, refusePIN: ErrNoKeys}}
	t.identity.gate, t.rest.gate = t.gate, t.gate
	return t
}

// Close ends the sessions for PINs and of a nonce, and closes the TPM. It does not wait for
// a TPM that hangs: what is open then ends with the program.
func (t *TPM) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	t.endPINs(ctx)
	t.rest.do(ctx, func(c *conn) error {
		t.endNonce(c)
		return nil
	})
	return errors.Join(t.pins.close(ctx), t.cards.close(ctx), t.identity.close(ctx), t.rest.close(ctx))
}
