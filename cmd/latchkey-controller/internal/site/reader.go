package site

import (
	"errors"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/device/pin/tpm"
	"latchkey/sync/wire"
)

// An Adoption describes a bundle that was handed out.
type Adoption struct {
	Reader     string
	Cell       string // name; "": the site has only one
	Number     uint64
	Board      string       // fingerprint of the request, as on the reader's screen
	Controller string       // fingerprint of the site's signing key, as shown by latchkeyd adopt
	Bundle     string       // fingerprint of the sealed bundle
	Revoked    uint64       // number of the reader's previous bundle; 0: none
	Moved      string       // the other reader that this board was; "": none
	TPM        bool         // its keys are in a TPM, which counts PINs
	Certified  string       // name of the authority that has certified the TPM; "": it is taken at its word
	NoPIN      bool         // it takes no PINs: the site gives their key only to readers with a TPM
	Policy     *wire.Policy // as it is in the bundle
	Revision   uint64       // of the credential log
	Count      uint64       // of credentials in the snapshot

	sameBoard bool // the reader is still the board that it was
}

// Adopt answers a board's request, as Adopter.Adopt does.
func (s *Site) Adopt(tx *store.Tx, now time.Time, signed []byte, brokers []string, policy *wire.Policy) (*Adoption, []byte, error) {
	return s.Adopter(tx, nil).Adopt(now, signed, brokers, policy)
}

// Adopt answers a board's request: it makes the board the reader of a policy, and
// returns the sealed bundle. brokers are the URLs at which the reader connects to the
// controller, in order, which the policy names as well if there are several; none: as before.
// After an error the transaction must end.
func (a *Adopter) Adopt(now time.Time, signed []byte, brokers []string, policy *wire.Policy) (*Adoption, []byte, error) {
	s, tx := a.site, a.tx
	id := policy.Reader
	if err := wire.CheckName(id); err != nil {
		return nil, nil, err
	}
	request, board, err := wire.ParseRequest(signed)
	if err != nil {
		return nil, nil, language.Say("the file is not a reader's request (latchkeyd identity writes one): %s", err)
	}
	certificate, err := s.authority.reader(id, request)
	if err != nil {
		return nil, nil, err
	}
	adoption := &Adoption{Reader: id, Board: board, Controller: s.Fingerprint(), Policy: policy, TPM: request.TPM != nil}
	hadKey, err := a.supersedes(adoption, request)
	if err != nil {
		return nil, nil, err
	}
	authority, err := CheckTPM(tx, now, request)
	if err != nil {
		return nil, nil, err
	}
	if authority != nil {
		adoption.Certified = AuthorityName(authority)
	}
	oldKey, err := tx.PINEpoch(id) // before an epoch begins, whose PIN key a reader with a TPM does not get
	if err != nil {
		return nil, nil, err
	}
	if adoption.Moved != "" {
		moved, err := tx.PINEpoch(adoption.Moved)
		if err != nil {
			return nil, nil, err
		}
		oldKey = max(oldKey, moved)
	}
	if err := s.prepareTPM(tx, now, request, hadKey); err != nil {
		return nil, nil, err
	}
	epoch, err := tx.Epoch()
	if err != nil {
		return nil, nil, err
	}
	row := &store.Bundle{Reader: id, Epoch: epoch.Number, Created: now.Unix(), Request: request.Lasting(), Certificate: certificate.Raw, Serial: certificate.SerialNumber.Text(16)}
	if row.Number, err = tx.NextBundle(now.Unix()); err != nil {
		return nil, nil, err
	}
	adoption.Number = row.Number
	if err := tx.AddBundle(row, adoption.Moved); err != nil {
		return nil, nil, err
	}
	if request.TPM == nil {
		err = errors.Join(tx.RaiseKeys(now.Unix(), id), notePINKeys(tx, id))
	} else {
		err = errors.Join(s.newBudget(tx, now, row, request.TPM.Nonce, authority != nil, false), tx.SetPINEpoch(id, oldKey))
	}
	if err != nil {
		return nil, nil, err
	}
	source, err := s.keySource(tx, row)
	if err != nil {
		return nil, nil, err
	}
	defer source.wipe()
	keys := source.of(row)
	adoption.NoPIN = request.TPM == nil && len(keys.PIN) == 0
	// What was sent today under this id, perhaps by a thief, does not count against
	// the new board.
	if err := tx.SetAllowance(&store.Allowance{Reader: id}); err != nil {
		return nil, nil, err
	}
	if brokers, err = adoptionBrokers(tx, policy, brokers); err != nil {
		return nil, nil, err
	}
	if err := tx.SetBrokers(id, brokers); err != nil {
		return nil, nil, err
	}
	if err := tx.PlaceReader(id, policy.Place, policy.Door); err != nil { // also if the reader had been removed
		return nil, nil, err
	}
	if err := SetPolicy(tx, now, policy); err != nil {
		return nil, nil, err
	}
	if !adoption.sameBoard { // which may be older than the one before
		if err := tx.SetReaderLevel(id, store.LevelUnknown); err != nil {
			return nil, nil, err
		}
		if err := tx.CountAnew(id); err != nil {
			return nil, nil, err
		}
	}
	level, err := tx.ReaderLevel(id)
	if err != nil {
		return nil, nil, err
	}
	signedPolicy, err := forLevel(policy, level).Sign(s.ID, s.signing)
	if err != nil {
		return nil, nil, err
	}
	snapshot, err := a.contents()
	if err != nil {
		return nil, nil, err
	}
	adoption.Revision, adoption.Count = snapshot.manifest.Revision, snapshot.manifest.Count
	bundle := &wire.Bundle{
		Number: row.Number, Site: s.ID, SiteName: s.Name, Reader: id,
		Epoch: epoch.Number, Keys: *keys,
		Certificate: row.Certificate, Authority: s.authority.root.Raw,
		Policy: signedPolicy, Snapshot: snapshot.encoded,
	}
	if len(brokers) > 0 {
		bundle.Broker = brokers[0]
		if level >= wire.LevelBrokers { // any other board hears of them with its first policy
			bundle.Others = brokers[1:]
		}
	}
	sealed, err := wire.SealBundle(bundle, request, s.signing)
	if err != nil {
		return nil, nil, err
	}
	adoption.Bundle = wire.Fingerprint(sealed)
	a.adopted(row, adoption.Moved, request)
	return adoption, sealed, nil
}

// adoptionBrokers returns the brokers of a bundle: those given, or else those that the reader has.
// The policy names several, so that a board that gets the first one only, because it may be too
// old for more, hears of the others.
func adoptionBrokers(tx *store.Tx, policy *wire.Policy, given []string) (brokers []string, err error) {
	switch brokers = given; {
	case len(given) > 0:
	case len(policy.Brokers) > 0:
		brokers = policy.Brokers
	default:
		if brokers, err = tx.BrokersOf(policy.Reader); err != nil {
			return nil, err
		}
	}
	policy.Brokers = nil
	if len(brokers) > 1 {
		policy.Brokers = brokers
	}
	return brokers, nil
}

// prepareTPM checks the TPM of a request, if it has one, and begins an epoch whose keys may
// be given to it: one with two keys, and not one of which the reader had the PIN key in a
// file, which may still be on its disk, or a copy of it anywhere.
func (s *Site) prepareTPM(tx *store.Tx, now time.Time, request *wire.Request, hadKey bool) error {
	if request.TPM == nil {
		return nil
	}
	if err := tpm.CheckParent(request.TPM.Parent); err != nil {
		return language.Say("this request's TPM cannot be given keys; is the reader's program as new as the controller's? %s", err)
	}
	settings, err := tx.GuessSettings()
	if err != nil {
		return err
	}
	epoch, err := tx.Epoch()
	if err != nil || epoch.Split && (!hadKey || settings.OnlyTPM) {
		return err
	}
	_, err = s.NewEpoch(tx, now, 0)
	return err
}

// RemoveReader revokes a reader's bundle: its certificate and signatures are no
// longer valid, and it is sent nothing. Its records stay. A new epoch begins, whose
// key it does not get. If it is lost, all PINs and cards count as exposed.
func (s *Site) RemoveReader(tx *store.Tx, now time.Time, id string, lost bool) (epoch uint64, err error) {
	err = tx.RevokeBundle(now.Unix(), id, lost)
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
