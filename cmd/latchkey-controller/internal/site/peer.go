package site

import (
	"context"
	"crypto"
	"crypto/ecdh"
	"fmt"
	"slices"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A Peer is a reader with a bundle in force. The controller exchanges messages only with peers.
type Peer struct {
	Reader         string
	Bundle         uint64           // its number
	Signing        crypto.PublicKey // of the board's messages: Ed25519, or P-256 in a TPM
	Policy         []byte           // signed, in the form that it understands
	PolicyRevision uint64
	Keys           uint64 // number of the newest keys that it gets
	Door           string
	Level          int // what it understands, as stored
	Cell           store.ReaderCell

	sealing *ecdh.PublicKey
}

// Peers returns the readers with a bundle in force, by id, and the ids of those that
// had one.
func (s *Site) Peers(ctx context.Context) (peers map[string]*Peer, former []string, err error) {
	const all = 0
	return s.NewPeers(ctx, all, nil)
}

// NewPeers is Peers of the readers that a cell serves, for who has read them before: what has not changed since is taken from
// there, rather than that each change of one policy has those of ten thousand readers signed.
func (s *Site) NewPeers(ctx context.Context, cell int64, before map[string]*Peer) (peers map[string]*Peer, former []string, err error) {
	err = s.store.View(ctx, func(tx *store.Tx) error {
		versions, err := tx.PeerVersions(cell)
		if err != nil {
			return err
		}
		peers = make(map[string]*Peer, len(versions))
		var anew []string
		for id, version := range versions {
			if p := before[id]; p != nil && p.version() == version {
				peers[id] = p
			} else {
				anew = append(anew, id)
			}
		}
		slices.Sort(anew)
		for some := range slices.Chunk(anew, putAtOnce) {
			bundles, err := tx.BundlesOf(some)
			if err != nil {
				return err
			}
			policies, err := tx.Policies(some)
			if err != nil {
				return err
			}
			for i, id := range some {
				if peers[id], err = s.peer(bundles[i], policies[i], versions[id]); err != nil {
					return fmt.Errorf("reader %s: %w", id, err)
				}
			}
		}
		former, err = tx.FormerIn(cell)
		return err
	})
	return peers, former, err
}

// Serials returns the serial numbers of all readers' certificates that are in force, hexadecimal, by reader.
func (s *Site) Serials(ctx context.Context) (all map[string]string, err error) {
	err = s.store.View(ctx, func(tx *store.Tx) error {
		all, err = tx.Serials()
		return err
	})
	return all, err
}

func (p *Peer) version() store.PeerVersion {
	return store.PeerVersion{Bundle: p.Bundle, Policy: p.PolicyRevision, Keys: p.Keys, Level: p.Level, Cell: p.Cell}
}

// peer returns the peer of a bundle in force. Of what is, the keys, the level and the cell count.
func (s *Site) peer(b *store.Bundle, policy *wire.Policy, is store.PeerVersion) (*Peer, error) {
	var request wire.Request
	err := wire.Unmarshal(b.Request, wire.MaxMessage, &request)
	if err != nil {
		return nil, err
	}
	p := &Peer{Reader: b.Reader, Bundle: b.Number, Signing: request.VerifyingKey(), PolicyRevision: policy.Revision, Keys: is.Keys, Door: policy.Door, Level: is.Level, Cell: is.Cell}
	if p.sealing, err = ecdh.X25519().NewPublicKey(request.Sealing[:]); err != nil {
		return nil, err
	}
	p.Policy, err = forLevel(policy, is.Level).Sign(s.ID, s.signing)
	return p, err
}

// CardKeys returns the keys for a card, sealed to the reader that writes them and signed.
func (s *Site) CardKeys(p *Peer, sets *wire.CardKeySets) (signed []byte, err error) {
	keys, err := wire.SealCardKeys(p.Reader, sets, p.sealing)
	if err != nil {
		return nil, err
	}
	return s.Sign(wire.KindCard, keys)
}

// SetStates stores readers' newest states.
func (s *Site) SetStates(ctx context.Context, states []*store.State) error {
	return s.store.Keep(ctx, func(tx *store.Tx) error { return tx.SetStates(states...) })
}

// Watch calls changed whenever any process has changed the database, until ctx ends.
// Of what another process does it hears within 100 ms.
func (s *Site) Watch(ctx context.Context, changed func() error) error {
	return s.store.Watch(ctx, changed)
}
