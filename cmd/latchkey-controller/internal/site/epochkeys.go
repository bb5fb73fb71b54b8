package site

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/cmd/latchkey-controller/internal/vault"
	"latchkey/device/pin"
	"latchkey/device/pin/tpm"
	"latchkey/sync/wire"
)

// siteKeys returns the PIN key and the card key of the newest epoch, which key the tags.
// The caller wipes them.
func (s *Site) siteKeys(tx *store.Tx) (keys *wire.EpochKeys, epoch *store.Epoch, err error) {
	if epoch, err = tx.Epoch(); err != nil {
		return nil, nil, err
	}
	b, err := s.vault.Unseal(sealedSiteKey, epoch.Number, epoch.Key)
	if err != nil {
		return nil, nil, err
	}
	defer clear(b)
	if len(b) != pin.KeySize {
		return nil, nil, fmt.Errorf("site key of epoch %d: %d bytes", epoch.Number, len(b))
	}
	keys, err = epochKeys((*[pin.KeySize]byte)(b), epoch.Split)
	return keys, epoch, err
}

// epochKeys returns the keys that a site key yields; of an epoch that is not split, it is
// both. The caller wipes them.
func epochKeys(siteKey *[pin.KeySize]byte, split bool) (*wire.EpochKeys, error) {
	if split {
		return pin.EpochKeys(siteKey)
	}
	return &wire.EpochKeys{PIN: bytes.Clone(siteKey[:]), Card: bytes.Clone(siteKey[:])}, nil
}

// tagKeys returns what makes the tags of the newest epoch.
func (s *Site) tagKeys(tx *store.Tx) (*pin.Keys, error) {
	keys, _, err := s.siteKeys(tx)
	if err != nil {
		return nil, err
	}
	defer keys.Wipe()
	return pin.NewKeys(keys)
}

// A keySource has the keys of the newest epoch for the readers of some bundles. Who asked for it wipes it.
type keySource struct {
	epoch   *store.Epoch
	clear   *wire.EpochKeys          // for readers without a TPM; nil: there are none
	numbers map[string]uint64        // of the newest keys, by reader
	budgets map[uint64]*store.Budget // in use, by bundle
}

func (s *Site) keySource(tx *store.Tx, bundles ...*store.Bundle) (*keySource, error) {
	k, readers, numbers := new(keySource), make([]string, len(bundles)), make([]uint64, len(bundles))
	for i, b := range bundles {
		readers[i], numbers[i] = b.Reader, b.Number
	}
	var err error
	if k.numbers, err = tx.Keys(readers...); err != nil {
		return nil, err
	}
	if k.budgets, err = tx.BudgetsOf(numbers); err != nil {
		return nil, err
	}
	if len(k.budgets) == len(bundles) {
		k.epoch, err = tx.Epoch()
		return k, err
	}
	settings, err := tx.GuessSettings()
	if err != nil {
		return nil, err
	}
	if k.clear, k.epoch, err = s.siteKeys(tx); err == nil && settings.OnlyTPM {
		clear(k.clear.PIN)
		k.clear.PIN = nil
	}
	return k, err
}

// of returns the keys as the reader of a bundle gets them: wrapped to its TPM, or in the clear,
// without the PIN key if that is for TPMs only.
func (k *keySource) of(b *store.Bundle) *wire.EpochKeys {
	if budget := k.budgets[b.Number]; budget != nil {
		return &wire.EpochKeys{Number: k.numbers[b.Reader], TPM: budget.Keys}
	}
	keys := *k.clear
	keys.Number = k.numbers[b.Reader]
	return &keys
}

func (k *keySource) wipe() {
	if k.clear != nil {
		k.clear.Wipe()
	}
}

// EpochKeys returns the keys of the newest epoch for readers, by id, sealed to each and signed.
func (s *Site) EpochKeys(ctx context.Context, peers []*Peer) (signed map[string][]byte, err error) {
	signed = make(map[string][]byte, len(peers))
	err = s.store.View(ctx, func(tx *store.Tx) error {
		for some := range slices.Chunk(peers, putAtOnce) {
			if err := s.epochKeys(tx, some, signed); err != nil {
				return err
			}
		}
		return nil
	})
	return signed, err
}

func (s *Site) epochKeys(tx *store.Tx, peers []*Peer, signed map[string][]byte) error {
	bundles := make([]*store.Bundle, len(peers))
	for i, p := range peers {
		bundles[i] = &store.Bundle{Number: p.Bundle, Reader: p.Reader}
	}
	source, err := s.keySource(tx, bundles...)
	if err != nil {
		return err
	}
	defer source.wipe()
	for i, p := range peers {
		key, err := wire.SealKey(p.Reader, source.epoch.Number, source.of(bundles[i]), p.sealing)
		if err == nil {
			signed[p.Reader], err = s.Sign(wire.KindKey, key)
		}
		if err != nil {
			return fmt.Errorf("reader %s: %w", p.Reader, err)
		}
	}
	return nil
}

// wrapped wraps the keys of the newest epoch to the TPM of a bundle's reader. certified says
// that an authority has certified its endorsement key: then only a TPM with that takes them.
func (s *Site) wrapped(tx *store.Tx, grantKey *ecdsa.PublicKey, b *store.Bundle, certified bool, ref wire.TPMRef) (*wire.TPMKeys, error) {
	var request wire.Request
	if err := wire.Unmarshal(b.Request, wire.MaxMessage, &request); err != nil {
		return nil, fmt.Errorf("request of %s: %w", b.Reader, err)
	}
	if request.TPM == nil {
		return nil, fmt.Errorf("the request of %s has no TPM", b.Reader)
	}
	var endorsement *x509.Certificate
	if certified {
		var err error
		if endorsement, err = tpm.ParseEndorsement(request.TPM.Endorsement); err != nil {
			return nil, fmt.Errorf("request of %s: %w", b.Reader, err)
		}
	}
	keys, _, err := s.siteKeys(tx)
	if err != nil {
		return nil, err
	}
	defer keys.Wipe()
	return tpm.Wrap(request.TPM.Parent, endorsement, grantKey, ref, (*[32]byte)(keys.PIN), (*[32]byte)(keys.Card))
}

// rewrap wraps the keys of an epoch that has just begun to all TPMs. Their budgets and
// grants stay what they are.
func (s *Site) rewrap(tx *store.Tx) error {
	bundles, err := tx.Bundles()
	if err != nil {
		return err
	}
	budgets, err := tx.BudgetsInUse()
	if err != nil || len(budgets) == 0 {
		return err
	}
	grantKey, err := s.grantKey(tx)
	if err != nil {
		return err
	}
	for _, b := range bundles {
		budget := budgets[b.Reader]
		if budget == nil {
			continue
		}
		grant := budget.Keys.Grant
		if budget.Keys, err = s.wrapped(tx, &grantKey.PublicKey, b, budget.Certified(), budget.Ref); err != nil {
			return fmt.Errorf("keys for %s: %w", b.Reader, err)
		}
		budget.Keys.Grant = grant
		if err := tx.SetBudget(budget); err != nil {
			return err
		}
	}
	return nil
}

// newGrantKey makes the key that signs grants to TPMs.
func newGrantKey(v *vault.Vault) (sealed []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	defer clear(der)
	return v.Seal(sealedGrantKey, 0, der), nil
}

// addGrantKey gives a site that is older than such keys its grant key. No reader of it has
// a TPM yet.
func (s *Site) addGrantKey(ctx context.Context) error {
	return s.Update(ctx, func(tx *store.Tx) error {
		if row, err := tx.Site(); err != nil || len(row.GrantKey) > 0 { // another program was faster
			return err
		}
		sealed, err := newGrantKey(s.vault)
		if err != nil {
			return err
		}
		return tx.SetGrantKey(sealed)
	})
}

// grantKey decrypts the key that signs grants to TPMs.
func (s *Site) grantKey(tx *store.Tx) (*ecdsa.PrivateKey, error) {
	row, err := tx.Site()
	if err != nil {
		return nil, err
	}
	der, err := s.vault.Unseal(sealedGrantKey, 0, row.GrantKey)
	if err != nil {
		return nil, err
	}
	defer clear(der)
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("grant key: %w", err)
	}
	ecdsaKey, ok := key.(*ecdsa.PrivateKey)
	if !ok || ecdsaKey.Curve != elliptic.P256() {
		return nil, errors.New("grant key: it is not ECDSA P-256")
	}
	return ecdsaKey, nil
}

// SetPINsOnlyWithTPM decides whether readers without a TPM get the PIN key. Those that had
// it must not have that of now: an epoch begins. It says whether anything has changed.
func (s *Site) SetPINsOnlyWithTPM(tx *store.Tx, now time.Time, only bool) (changed bool, err error) {
	settings, err := tx.GuessSettings()
	if err != nil || settings.OnlyTPM == only {
		return false, err
	}
	settings.OnlyTPM = only
	if err := tx.SetGuessSettings(settings); err != nil {
		return false, err
	}
	if only {
		_, err = s.NewEpoch(tx, now, 0)
		return true, err
	}
	bundles, err := tx.Bundles()
	if err != nil {
		return false, err
	}
	budgets, err := tx.BudgetsInUse()
	if err != nil {
		return false, err
	}
	for _, b := range bundles {
		if budgets[b.Reader] == nil {
			if err := tx.RaiseKeys(now.Unix(), b.Reader); err != nil {
				return false, err
			}
		}
	}
	return true, notePINKeys(tx, "")
}

// notePINKeys notes which readers get the PIN key of the newest epoch in the clear: a reader
// without a TPM, or with "" all of them.
func notePINKeys(tx *store.Tx, reader string) error {
	settings, err := tx.GuessSettings()
	if err != nil || settings.OnlyTPM {
		return err
	}
	if reader != "" {
		return tx.NotePINKey(reader)
	}
	return tx.NotePINKeys()
}

// TakeHeld handles the epoch that a reader's newest state says it holds: once it is a later
// one than that of the PIN key that it got in the clear, that key is gone from its disk.
func (s *Site) TakeHeld(ctx context.Context, p *Peer, state *wire.State) error {
	if state.Held == nil {
		return nil
	}
	var due bool
	err := s.View(ctx, func(tx *store.Tx) error {
		epoch, err := tx.PINEpoch(p.Reader)
		due = epoch != 0 && epoch < state.Held.Epoch
		return err
	})
	if err != nil || !due {
		return err
	}
	return s.Update(ctx, func(tx *store.Tx) error {
		if _, err := inForce(tx, p); errors.Is(err, store.ErrNotFound) {
			return nil // removed or adopted anew meanwhile
		} else if err != nil {
			return err
		}
		return tx.NoteHeld(p.Reader, state.Held.Epoch)
	})
}
