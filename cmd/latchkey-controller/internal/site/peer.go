package site

import (
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A Peer is a reader with a bundle in force. The controller exchanges messages only with peers.
type Peer struct {
	Reader         string
	Bundle         uint64            // its number
	Signing        ed25519.PublicKey // of the board's messages
	Serial         string            // of its certificate, hexadecimal
	Policy         []byte            // signed
	PolicyRevision uint64
	Door           string

	sealing *ecdh.PublicKey
}

// Peers returns the readers with a bundle in force, by id, and the ids of those that
// had one.
func (s *Site) Peers(ctx context.Context) (peers map[string]*Peer, former []string, err error) {
	peers = map[string]*Peer{}
	err = s.store.View(ctx, func(tx *store.Tx) error {
		bundles, err := tx.Bundles()
		if err != nil {
			return err
		}
		for _, b := range bundles {
			if peers[b.Reader], err = s.peer(tx, b); err != nil {
				return fmt.Errorf("reader %s: %w", b.Reader, err)
			}
		}
		former, err = tx.Former()
		return err
	})
	return peers, former, err
}

func (s *Site) peer(tx *store.Tx, b *store.Bundle) (*Peer, error) {
	var request wire.Request
	if err := wire.Unmarshal(b.Request, wire.MaxMessage, &request); err != nil {
		return nil, err
	}
	policy, err := tx.Policy(b.Reader)
	if err != nil {
		return nil, err
	}
	p := &Peer{Reader: b.Reader, Bundle: b.Number, Signing: request.Signing[:], Serial: b.Serial, PolicyRevision: policy.Revision, Door: policy.Door}
	if p.sealing, err = ecdh.X25519().NewPublicKey(request.Sealing[:]); err != nil {
		return nil, err
	}
	p.Policy, err = policy.Sign(s.ID, s.signing)
	return p, err
}

// EpochKey returns the newest epoch's site key, sealed to a reader and signed.
func (s *Site) EpochKey(ctx context.Context, p *Peer) (signed []byte, err error) {
	err = s.store.View(ctx, func(tx *store.Tx) error {
		siteKey, epoch, err := s.siteKey(tx)
		if err != nil {
			return err
		}
		defer clear(siteKey[:])
		key, err := wire.SealKey(p.Reader, epoch.Number, &siteKey, p.sealing)
		if err != nil {
			return err
		}
		signed, err = s.sign(wire.KindKey, key)
		return err
	})
	return signed, err
}

// RemoveReader revokes a reader's bundle: its certificate and signatures are no
// longer valid, and it is sent nothing. Its records stay. A new epoch begins, whose
// key it does not get. If it is lost, all PINs and cards count as exposed.
func (s *Site) RemoveReader(tx *store.Tx, now time.Time, id string, lost bool) (epoch uint64, err error) {
	n, err := tx.RevokeBundle(now.Unix(), id)
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, noReader(id)
	}
	how := "returned"
	if lost {
		how = "lost"
		if _, err := tx.ExposeCredentials(); err != nil {
			return 0, err
		}
	}
	if err := tx.SetRemoved(id, how); err != nil {
		return 0, err
	}
	return s.NewEpoch(tx, now, 0)
}

func noReader(id string) error {
	return absent(fmt.Sprintf("there is no reader %q; latchkey-controller reader list shows all of them", id))
}

// Policy returns a reader's policy; the error says so if there is no such reader.
func Policy(tx *store.Tx, id string) (*wire.Policy, error) {
	p, err := tx.Policy(id)
	if err == store.ErrNotFound {
		return nil, noReader(id)
	}
	return p, err
}

// SetPolicy sets a reader's policy, and assigns the reader to the door and location
// that it names. The revision rises, in p too, unless the policy is unchanged.
func SetPolicy(tx *store.Tx, now time.Time, p *wire.Policy) error {
	was, err := tx.Policy(p.Reader)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if was != nil && string(wire.Marshal(was)) == string(wire.Marshal(p)) {
		return nil
	}
	if err := tx.SetPolicy(now.Unix(), p); err != nil || was != nil && p.Door == was.Door && p.Place == was.Place {
		return err
	}
	return tx.PlaceReader(p.Reader, p.Place, p.Door)
}

// RaisePolicy gives a reader's policy a revision greater than above, which the reader
// has applied, and says whether that was necessary: after a restore, the stored
// revision may be lower.
func (s *Site) RaisePolicy(ctx context.Context, now time.Time, reader string, above uint64) (raised bool, err error) {
	if above > wire.MaxNumber/2 { // out of range: the reader lies, and harms only itself
		return false, nil
	}
	err = s.store.Keep(ctx, func(tx *store.Tx) error {
		p, err := tx.Policy(reader)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil || p.Revision >= above {
			return err
		}
		raised, p.Revision = true, above
		return tx.SetPolicy(now.Unix(), p)
	})
	return raised, err
}

// SetStates stores readers' newest states.
func (s *Site) SetStates(ctx context.Context, states []*store.State) error {
	return s.store.Keep(ctx, func(tx *store.Tx) error {
		for _, state := range states {
			if err := tx.SetState(state); err != nil {
				return err
			}
		}
		return nil
	})
}

// States returns readers' stored states.
func (s *Site) States(ctx context.Context) (states []*store.State, err error) {
	err = s.store.View(ctx, func(tx *store.Tx) error {
		states, err = tx.States()
		return err
	})
	return states, err
}

// AddOrder stores an order before it is sent.
func (s *Site) AddOrder(ctx context.Context, o *store.Order) error {
	return s.store.Update(ctx, func(tx *store.Tx) error { return tx.AddOrder(o) })
}

// SetOutcome stores the outcome of an order.
func (s *Site) SetOutcome(ctx context.Context, id wire.CommandID, outcome string) error {
	return s.store.Update(ctx, func(tx *store.Tx) error { return tx.SetOutcome(id, outcome) })
}

// Versions returns values that differ if readers or their policies have changed.
func (s *Site) Versions(ctx context.Context) (v store.Versions, err error) {
	err = s.store.View(ctx, func(tx *store.Tx) error {
		v, err = tx.Versions()
		return err
	})
	return v, err
}

// Watch calls changed whenever any process has changed the database, until ctx ends.
// It polls ten times a second.
func (s *Site) Watch(ctx context.Context, changed func() error) error {
	return s.store.Watch(ctx, 100*time.Millisecond, changed)
}
