package site

import (
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// An Adoption is a bundle as it was handed out.
type Adoption struct {
	Reader     string
	Number     uint64
	Board      string       // fingerprint of the request: the reader's screen shows it too
	Controller string       // fingerprint of the site's signing key: latchkeyd adopt shows it too
	Bundle     string       // fingerprint of the sealed bundle
	Revoked    uint64       // number of the bundle that the reader had; 0: none
	Moved      string       // the reader that this board was; "": none, or this one
	Policy     *wire.Policy // as it is in the bundle
	Revision   uint64       // of the credential log
	Count      uint64       // credentials in the snapshot
}

// AddReader answers a board's request: it makes the board the reader of an id,
// with a policy that edit makes of the one the reader has, or of a new door's in
// the site's time zone, which nobody may open yet, and hands the sealed bundle to
// save. If save fails nothing has happened. broker is the URL at which the reader
// meets the controller; "": the one that it was given before.
func (s *Site) AddReader(ctx context.Context, now time.Time, id string, signed []byte, broker string, edit func(*wire.Policy), save func([]byte) error) (*Adoption, error) {
	if err := wire.CheckName(id); err != nil {
		return nil, err
	}
	request, board, err := wire.ParseRequest(signed)
	if err != nil {
		return nil, fmt.Errorf("the file is no reader's request (latchkeyd identity writes one): %w", err)
	}
	certificate, err := s.authority.reader(id, request)
	if err != nil {
		return nil, err
	}
	adoption := &Adoption{Reader: id, Board: board, Controller: s.Fingerprint()}
	err = s.Update(ctx, func(tx *store.Tx) error {
		row := &store.Bundle{Reader: id, Created: now.Unix(), Request: wire.Marshal(request), Certificate: certificate.Raw, Serial: certificate.SerialNumber.Text(16)}
		siteKey, epoch, err := s.siteKey(tx)
		if err != nil {
			return err
		}
		row.Epoch = epoch.Number
		if row.Number, err = tx.NextBundle(now.Unix()); err != nil {
			return err
		}
		adoption.Number = row.Number
		if err := adoption.supersedes(tx, row); err != nil {
			return err
		}
		if err := tx.AddBundle(row); err != nil {
			return err
		}
		// What was reported today under this id, by a thief perhaps, does not
		// count against the board that takes its place.
		if err := tx.SetAllowance(&store.Allowance{Reader: id}); err != nil {
			return err
		}
		if broker == "" {
			if broker, err = tx.Broker(id); err != nil {
				return err
			}
		}
		if err := tx.SetBroker(id, broker); err != nil {
			return err
		}
		if adoption.Policy, err = policy(tx, now, id, edit); err != nil {
			return err
		}
		if err := tx.PlaceReader(id, adoption.Policy.Place, adoption.Policy.Door); err != nil {
			return err
		}
		signedPolicy, err := adoption.Policy.Sign(s.ID, s.signing)
		if err != nil {
			return err
		}
		manifest, snapshot, err := s.snapshot(tx, epoch)
		if err != nil {
			return err
		}
		adoption.Revision, adoption.Count = manifest.Revision, manifest.Count
		sealed, err := wire.SealBundle(&wire.Bundle{
			Number: row.Number, Site: s.ID, SiteName: s.Name, Reader: id,
			Epoch: epoch.Number, SiteKey: siteKey,
			Certificate: row.Certificate, Authority: s.authority.root.Raw,
			Broker: broker, Policy: signedPolicy, Snapshot: snapshot,
		}, request, s.signing)
		if err != nil {
			return err
		}
		adoption.Bundle = wire.Fingerprint(sealed)
		return save(sealed)
	})
	if err != nil {
		return nil, err
	}
	return adoption, nil
}

// supersedes fills in what a bundle revokes.
func (a *Adoption) supersedes(tx *store.Tx, row *store.Bundle) error {
	bundles, err := tx.Bundles()
	for _, b := range bundles {
		if b.Reader == row.Reader {
			a.Revoked = b.Number
		} else if string(b.Request) == string(row.Request) {
			a.Moved = b.Reader
		}
	}
	return err
}

// policy returns a reader's policy after an edit. Its revision rises if that
// changed anything.
func policy(tx *store.Tx, now time.Time, reader string, edit func(*wire.Policy)) (*wire.Policy, error) {
	p, err := tx.Policy(reader)
	if errors.Is(err, store.ErrNotFound) {
		fresh := wire.DefaultPolicy(reader, reader)
		if fresh.TimeZone, err = tx.Zone(); err != nil {
			return nil, err
		}
		edit(&fresh)
		fresh.Reader = reader
		return &fresh, tx.SetPolicy(now.Unix(), &fresh)
	}
	if err != nil {
		return nil, err
	}
	before, door, place := string(wire.Marshal(p)), p.Door, p.Place
	edit(p)
	p.Reader = reader
	if string(wire.Marshal(p)) == before {
		return p, nil
	}
	if err := tx.SetPolicy(now.Unix(), p); err != nil || p.Door == door && p.Place == place {
		return p, err
	}
	return p, tx.PlaceReader(reader, p.Place, p.Door)
}

// snapshot writes a snapshot of the credentials at the log's head. Deltas go on
// from there: none leads across it.
func (s *Site) snapshot(tx *store.Tx, epoch *store.Epoch) (*wire.Manifest, []byte, error) {
	if err := s.cut(tx); err != nil {
		return nil, nil, err
	}
	head, err := tx.Head()
	if err != nil {
		return nil, nil, err
	}
	entries, err := entries(tx)
	if err != nil {
		return nil, nil, err
	}
	manifest := s.manifest(head, epoch)
	snapshot, err := wire.WriteSnapshot(manifest, entries, s.signing)
	return manifest, snapshot, err
}

// manifest returns the beginning of a snapshot's manifest.
func (s *Site) manifest(head store.Head, epoch *store.Epoch) *wire.Manifest {
	return &wire.Manifest{Site: s.ID, Epoch: head.Epoch, Revision: head.Revision, Hash: head.Hash, KDF: epoch.KDF}
}

// entries returns what readers are to hold now.
func entries(tx *store.Tx) ([]wire.Entry, error) {
	users, err := tx.Users()
	if err != nil {
		return nil, err
	}
	byID := make(map[uint64]*store.User, len(users))
	for _, u := range users {
		byID[u.ID] = u
	}
	credentials, err := tx.Credentials()
	if err != nil {
		return nil, err
	}
	entries := make([]wire.Entry, len(credentials))
	for i, c := range credentials {
		entries[i] = wire.Entry{Tag: c.Tag, Credential: byID[c.User].Wire(c)}
	}
	return entries, nil
}

// A Reader is a reader as the site knows it.
type Reader struct {
	ID     string
	Policy *wire.Policy
	Bundle *store.Bundle // in force; nil: it was removed, or its board has become another reader
	Board  string        // fingerprint of its board's request; "" without a bundle
	Left   string        // "returned" or "lost", if it was removed; otherwise ""
}

// Readers returns all readers, sorted by their ids.
func (s *Site) Readers(ctx context.Context) (readers []*Reader, err error) {
	err = s.store.View(ctx, func(tx *store.Tx) error {
		ids, err := tx.Readers()
		if err != nil {
			return err
		}
		bundles, err := tx.Bundles()
		if err != nil {
			return err
		}
		removed, err := tx.Removed()
		if err != nil {
			return err
		}
		inForce := make(map[string]*store.Bundle, len(bundles))
		for _, b := range bundles {
			inForce[b.Reader] = b
		}
		for _, id := range ids {
			r := &Reader{ID: id, Bundle: inForce[id], Left: removed[id]}
			if r.Bundle != nil {
				r.Board = wire.Fingerprint(r.Bundle.Request)
			}
			if r.Policy, err = tx.Policy(id); err != nil {
				return fmt.Errorf("policy of %s: %w", id, err)
			}
			readers = append(readers, r)
		}
		return nil
	})
	return readers, err
}
