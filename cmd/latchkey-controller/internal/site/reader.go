package site

import (
	"errors"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// An Adoption describes a bundle that was handed out.
type Adoption struct {
	Reader     string
	Number     uint64
	Board      string       // fingerprint of the request, as on the reader's screen
	Controller string       // fingerprint of the site's signing key, as shown by latchkeyd adopt
	Bundle     string       // fingerprint of the sealed bundle
	Revoked    uint64       // number of the reader's previous bundle; 0: none
	Moved      string       // the other reader that this board was; "": none
	Policy     *wire.Policy // as it is in the bundle
	Revision   uint64       // of the credential log
	Count      uint64       // of credentials in the snapshot
}

// Adopt answers a board's request: it makes the board the reader of a policy, and
// returns the sealed bundle. broker is the URL at which the reader connects to the
// controller; "": as before.
func (s *Site) Adopt(tx *store.Tx, now time.Time, signed []byte, broker string, policy *wire.Policy) (*Adoption, []byte, error) {
	id := policy.Reader
	if err := wire.CheckName(id); err != nil {
		return nil, nil, err
	}
	request, board, err := wire.ParseRequest(signed)
	if err != nil {
		return nil, nil, fmt.Errorf("the file is not a reader's request (latchkeyd identity writes one): %w", err)
	}
	certificate, err := s.authority.reader(id, request)
	if err != nil {
		return nil, nil, err
	}
	siteKey, epoch, err := s.siteKey(tx)
	if err != nil {
		return nil, nil, err
	}
	defer clear(siteKey[:])
	row := &store.Bundle{Reader: id, Epoch: epoch.Number, Created: now.Unix(), Request: wire.Marshal(request), Certificate: certificate.Raw, Serial: certificate.SerialNumber.Text(16)}
	if row.Number, err = tx.NextBundle(now.Unix()); err != nil {
		return nil, nil, err
	}
	adoption := &Adoption{Reader: id, Board: board, Controller: s.Fingerprint(), Number: row.Number, Policy: policy}
	if err := adoption.supersedes(tx, row); err != nil {
		return nil, nil, err
	}
	if err := tx.AddBundle(row); err != nil {
		return nil, nil, err
	}
	// What was sent today under this id, perhaps by a thief, does not count against
	// the new board.
	if err := tx.SetAllowance(&store.Allowance{Reader: id}); err != nil {
		return nil, nil, err
	}
	if broker == "" {
		if broker, err = tx.Broker(id); err != nil {
			return nil, nil, err
		}
	}
	if err := tx.SetBroker(id, broker); err != nil {
		return nil, nil, err
	}
	if err := SetPolicy(tx, now, policy); err != nil {
		return nil, nil, err
	}
	if err := tx.PlaceReader(id, policy.Place, policy.Door); err != nil { // also if the reader had been removed
		return nil, nil, err
	}
	signedPolicy, err := policy.Sign(s.ID, s.signing)
	if err != nil {
		return nil, nil, err
	}
	if err := s.cut(tx); err != nil { // deltas continue from the snapshot
		return nil, nil, err
	}
	manifest, entries, err := s.contents(tx)
	if err != nil {
		return nil, nil, err
	}
	snapshot, err := wire.WriteSnapshot(manifest, entries, s.signing)
	if err != nil {
		return nil, nil, err
	}
	adoption.Revision, adoption.Count = manifest.Revision, manifest.Count
	sealed, err := wire.SealBundle(&wire.Bundle{
		Number: row.Number, Site: s.ID, SiteName: s.Name, Reader: id,
		Epoch: epoch.Number, SiteKey: siteKey,
		Certificate: row.Certificate, Authority: s.authority.root.Raw,
		Broker: broker, Policy: signedPolicy, Snapshot: snapshot,
	}, request, s.signing)
	if err != nil {
		return nil, nil, err
	}
	adoption.Bundle = wire.Fingerprint(sealed)
	return adoption, sealed, nil
}

// supersedes fills in which bundle is revoked, and which reader the board was.
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

// RemoveReader revokes a reader's bundle: its certificate and signatures are no
// longer valid, and it is sent nothing. Its records stay. A new epoch begins, whose
// key it does not get. If it is lost, all PINs and cards count as exposed.
func (s *Site) RemoveReader(tx *store.Tx, now time.Time, id string, lost bool) (epoch uint64, err error) {
	err = tx.RevokeBundle(now.Unix(), id)
	if errors.Is(err, store.ErrNotFound) {
		return 0, noReader(id)
	}
	if err != nil {
		return 0, err
	}
	how := "returned"
	if lost {
		how = "lost"
		if err := tx.ExposeCredentials(); err != nil {
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
