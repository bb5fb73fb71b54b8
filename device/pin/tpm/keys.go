package tpm

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"time"

	"github.com/google/go-tpm/tpm2"

	"latchkey/sync/wire"
)

// Request returns what the controller needs to wrap keys to the TPM and to grant it a
// budget. It makes the parent where there is none, in place of any other object at its
// handle. The nonce lasts until Use has used it, the TPM is closed or reset, or a day is
// over; Request returns the same one until then.
func (t *TPM) Request(ctx context.Context) (*wire.RequestTPM, error) {
	request := new(wire.RequestTPM)
	err := t.do(ctx, func(c *conn) error {
		_, parent, err := c.parent()
		if err != nil {
			return fmt.Errorf("parent: %w", err)
		}
		revision, err := c.property(tpm2.TPMPTRevision)
		if err != nil {
			return fmt.Errorf("revision: %w", err)
		}
		if !bytes.Equal(t.endorsed.parent, parent) {
			_, certificate, err := c.endorsement()
			if err != nil {
				return err
			}
			t.endorsed = endorsed{parent: parent}
			if certificate != nil {
				t.endorsed.certificate = certificate.Raw
			}
		}
		if !t.nonceIsOpen(c) {
			if err := t.beginNonce(c); err != nil {
				return fmt.Errorf("session for a first grant: %w", err)
			}
		}
		*request = wire.RequestTPM{Parent: parent, Revision: revision, Nonce: t.nonce.value, Endorsement: t.endorsed.certificate}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("tpm: request: %w", err)
	}
	return request, nil
}

// do runs a job on the file for the rest, when it has ended the session of a nonce that is
// too old.
func (t *TPM) do(ctx context.Context, job func(c *conn) error) error {
	return t.rest.do(ctx, func(c *conn) error {
		if t.nonce.session != nil && time.Since(t.nonce.begun) >= maxNonce {
			t.endNonce(c)
		}
		return job(c)
	})
}

func (t *TPM) beginNonce(c *conn) error {
	t.endNonce(c)
	session, _, err := tpm2.PolicySession(c, tpm2.TPMAlgSHA256, len(wire.TPMNonce{}))
	if err != nil {
		return err
	}
	value := session.NonceTPM().Buffer
	if len(value) != len(wire.TPMNonce{}) {
		c.flush(session.Handle())
		return fmt.Errorf("a nonce of %d bytes", len(value))
	}
	t.nonce = nonce{session: session, value: wire.TPMNonce(value), begun: time.Now(), opening: c.openings}
	return nil
}

// nonceIsOpen returns whether the session of the nonce is still there, and has taken no
// step of a policy yet.
func (t *TPM) nonceIsOpen(c *conn) bool {
	if t.nonce.session == nil {
		return false
	}
	if t.nonce.opening == c.openings && c.tpm != nil {
		answer, err := tpm2.PolicyGetDigest{PolicySession: t.nonce.session.Handle()}.Execute(c)
		if err == nil && bytes.Equal(answer.PolicyDigest.Buffer, make([]byte, digestBytes)) {
			return true
		}
	}
	t.endNonce(c)
	return false
}

func (t *TPM) endNonce(c *conn) {
	if t.nonce.session != nil && t.nonce.opening == c.openings {
		c.flush(t.nonce.session.Handle())
	}
	t.nonce = nonce{}
}

// Use makes the TPM hold these keys and their budget, in place of earlier ones. It may be
// called again at any time, and after a power cut at any point.
//
// The card key comes first: it is in use even if an error says that the PIN key is not,
// or has no budget. ErrNoBudget asks for a first grant: see Request. A refill that is not
// above the TPM's limit changes nothing. Checks says what an error leaves in use.
func (t *TPM) Use(ctx context.Context, keys *wire.TPMKeys) error {
	grantKey, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), keys.GrantKey[:])
	if err != nil {
		return fmt.Errorf("tpm: keys: grant key: %w", err)
	}
	index, err := indexOf(grantKey, &keys.Ref)
	if err != nil {
		return err
	}
	card, err := parseKey(keys.Card.Public, cardArea)
	if err != nil {
		return fmt.Errorf("tpm: keys: card key: %w", err)
	}
	pin, err := parseKey(keys.PIN.Public, func(unique []byte) *tpm2.TPMTPublic { return pinArea(index, unique) })
	if err != nil {
		return fmt.Errorf("tpm: keys: PIN key: %w", err)
	}
	cardKey, pinKey, ref, grant := clone(&keys.Card), clone(&keys.PIN), keys.Ref, keys.Grant // the job may outlast the caller
	var activation *wire.Activation
	if a := keys.Activation; a != nil {
		activation = &wire.Activation{Object: bytes.Clone(a.Object), Secret: bytes.Clone(a.Secret)}
	}

	err = t.do(ctx, func(c *conn) error {
		activated := &activated{conn: c, activation: activation}
		defer activated.wipe()
		t.mu.Lock()
		use := t.use
		t.mu.Unlock()
		cardName, pinName := objectName(card), objectName(pin)
		if !bytes.Equal(use.card.Buffer, cardName.Buffer) || !bytes.Equal(use.pin.Buffer, pinName.Buffer) {
			use.card, use.pin, use.index, use.refuseCard, use.refusePIN = cardName, pinName, index, ErrNoKeys, ErrNoKeys
			t.set(use)
			t.endPINs(ctx) // without a resource manager, an activation leaves no room for it
		}
		if err := activated.keep(cardHandle, card, cardKey); err != nil {
			err = fmt.Errorf("card key: %w", explain(err))
			use.refuseCard, use.refusePIN = refusal(use.refuseCard, err), refusal(use.refusePIN, err)
			t.set(use)
			return err
		}
		use.refuseCard = nil
		t.set(use)
		if err := activated.keep(pinHandle, pin, pinKey); err != nil {
			err = fmt.Errorf("PIN key: %w", explain(err))
			use.refusePIN = refusal(use.refusePIN, err)
			t.set(use)
			return err
		}
		has, err := t.applyGrant(c, index, &ref, &grant)
		if err != nil {
			err = fmt.Errorf("budget: %w", explain(err))
		}
		if has {
			use.refusePIN = nil
		} else {
			use.refusePIN = refusal(use.refusePIN, err)
		}
		t.set(use)
		return err
	})
	if err != nil {
		return fmt.Errorf("tpm: %w", err)
	}
	return nil
}

// Checks returns whether cards and PINs are checked with these keys, as far as Use has
// found: what may pass, and a refill that the TPM does not take, leave a key in use.
func (t *TPM) Checks(keys *wire.TPMKeys) (cards, pins bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.use.refuseCard == nil && bytes.Equal(t.use.card.Buffer, nameOf(keys.Card.Public)),
		t.use.refusePIN == nil && bytes.Equal(t.use.pin.Buffer, nameOf(keys.PIN.Public))
}

// refusal returns why a key cannot be used after err. What passes leaves a key in use.
func refusal(before, err error) error {
	if before == nil && (errors.Is(err, ErrAbsent) || errors.Is(err, ErrBusy) || errors.Is(err, ErrFull)) {
		return nil
	}
	return err
}

func (t *TPM) set(u use) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.use = u
}

func clone(k *wire.WrappedKey) *wire.WrappedKey {
	return &wire.WrappedKey{Public: bytes.Clone(k.Public), Duplicate: bytes.Clone(k.Duplicate), Seed: bytes.Clone(k.Seed)}
}

// parent makes sure that the parent is in place, and returns its name and public area.
func (c *conn) parent() (name tpm2.TPM2BName, public []byte, err error) {
	public, err = c.public(parentHandle)
	if err != nil {
		return name, nil, err
	}
	if area, err := parseParent(public); err == nil {
		return objectName(area), public, nil
	}
	made, err := tpm2.CreatePrimary{PrimaryHandle: owner(),
		InPublic: tpm2.New2B(*parentArea(make([]byte, coordinate), make([]byte, coordinate)))}.Execute(c)
	if err != nil {
		return name, nil, owned(err)
	}
	defer c.flush(made.ObjectHandle)
	area, err := made.OutPublic.Contents()
	if err != nil {
		return name, nil, err
	}
	public = tpm2.Marshal(*area)
	if _, err := parseParent(public); err != nil {
		return name, nil, err
	}
	name = objectName(area)
	return name, public, c.persist(made.ObjectHandle, name, parentHandle)
}

// keep makes sure that the wrapped key with this public area is at the handle.
func (a *activated) keep(at tpm2.TPMHandle, area *tpm2.TPMTPublic, key *wire.WrappedKey) error {
	c := a.conn
	public, err := c.public(at)
	if err != nil {
		return err
	}
	if bytes.Equal(public, key.Public) {
		return nil
	}
	duplicate, err := a.duplicate(key)
	if err != nil {
		return err
	}
	parent, _, err := c.parent()
	if err != nil {
		return fmt.Errorf("parent: %w", err)
	}
	var private tpm2.TPM2BPrivate
	err = c.withParent(parent, tpm2.TPMCCImport, func(parent tpm2.AuthHandle) error {
		answer, err := tpm2.Import{ParentHandle: parent, ObjectPublic: tpm2.New2B(*area),
			Duplicate: tpm2.TPM2BPrivate{Buffer: duplicate}, InSymSeed: tpm2.TPM2BEncryptedSecret{Buffer: key.Seed},
			Symmetric: tpm2.TPMTSymDef{Algorithm: tpm2.TPMAlgNull}}.Execute(c)
		if err == nil {
			private = answer.OutPrivate
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	loaded, err := c.load(parent, private, area)
	if err != nil {
		return err
	}
	defer c.flush(loaded)
	return c.persist(loaded, objectName(area), at)
}

// load loads a key of the parent's.
func (c *conn) load(parent tpm2.TPM2BName, private tpm2.TPM2BPrivate, area *tpm2.TPMTPublic) (loaded tpm2.TPMHandle, err error) {
	err = c.withParent(parent, tpm2.TPMCCLoad, func(parent tpm2.AuthHandle) error {
		answer, err := tpm2.Load{ParentHandle: parent, InPrivate: private, InPublic: tpm2.New2B(*area)}.Execute(c)
		if err == nil {
			loaded = answer.ObjectHandle
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("load: %w", err)
	}
	return loaded, nil
}

// withParent runs use with the parent, authorized for one command of this code.
func (c *conn) withParent(name tpm2.TPM2BName, cc tpm2.TPMCC, use func(tpm2.AuthHandle) error) error {
	return c.withPolicy(func(session tpm2.TPMHandle) error {
		if _, err := (tpm2.PolicyCommandCode{PolicySession: session, Code: cc}).Execute(c); err != nil {
			return err
		}
		branches := or(parentBranches())
		branches.PolicySession = session
		_, err := branches.Execute(c)
		return err
	}, func(session tpm2.Session) error {
		return use(tpm2.AuthHandle{Handle: parentHandle, Name: name, Auth: session})
	})
}

// public returns the TPMT_PUBLIC of the object at a handle, nil if there is none.
func (c *conn) public(handle tpm2.TPMHandle) ([]byte, error) {
	answer, err := tpm2.ReadPublic{ObjectHandle: handle}.Execute(c)
	if errors.Is(err, tpm2.TPMRCHandle) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return answer.OutPublic.Bytes(), nil
}

// persist moves a loaded object to a persistent handle, in place of what is there.
func (c *conn) persist(loaded tpm2.TPMHandle, name tpm2.TPM2BName, at tpm2.TPMHandle) error {
	old, err := tpm2.ReadPublic{ObjectHandle: at}.Execute(c)
	if err == nil {
		_, err = tpm2.EvictControl{Auth: owner(), ObjectHandle: tpm2.NamedHandle{Handle: at, Name: old.Name}, PersistentHandle: at}.Execute(c)
		if err != nil {
			return fmt.Errorf("evict what is at %#x: %w", uint32(at), owned(err))
		}
	} else if !errors.Is(err, tpm2.TPMRCHandle) {
		return err
	}
	_, err = tpm2.EvictControl{Auth: owner(), ObjectHandle: tpm2.NamedHandle{Handle: loaded, Name: name}, PersistentHandle: at}.Execute(c)
	return owned(err)
}

// owner authorizes a command for the owner hierarchy, whose password is empty.
func owner() tpm2.AuthHandle {
	return tpm2.AuthHandle{Handle: tpm2.TPMRHOwner, Auth: tpm2.PasswordAuth(nil)}
}

func owned(err error) error {
	if errors.Is(err, tpm2.TPMRCBadAuth) || errors.Is(err, tpm2.TPMRCAuthFail) {
		return fmt.Errorf("%w: %w", ErrOwned, err)
	}
	return err
}

// property returns a fixed or variable property of the TPM (Part 2, TPM_PT).
func (c *conn) property(property tpm2.TPMPT) (uint32, error) {
	answer, err := tpm2.GetCapability{Capability: tpm2.TPMCapTPMProperties, Property: uint32(property), PropertyCount: 1}.Execute(c)
	if err != nil {
		return 0, err
	}
	list, err := answer.CapabilityData.Data.TPMProperties()
	if err != nil {
		return 0, err
	}
	if len(list.TPMProperty) != 1 || list.TPMProperty[0].Property != property {
		return 0, fmt.Errorf("no answer for property %#x", uint32(property))
	}
	return list.TPMProperty[0].Value, nil
}
