package adoption

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"latchkey/cmd/latchkeyd/internal/connection"
	"latchkey/cmd/latchkeyd/internal/datadir"
	"latchkey/device/cache"
	"latchkey/device/durable"
	"latchkey/sync/wire"
)

// errRefused means that a bundle must not be taken over, now or later.
var errRefused = errors.New("refused")

// adoption is a bundle as it came. Once it is in the data directory, by one rename, the
// reader is adopted: after a power cut the next start does the rest.
type adoption struct {
	Bundle      []byte `cbor:"1,keyasint"`
	ReplaceSite bool   `cbor:"2,keyasint"`
}

// checkedBundle is a bundle of which all is verified.
type checkedBundle struct {
	*wire.Bundle
	policy   *wire.VerifiedPolicy
	snapshot *wire.VerifiedSnapshot
	next     bool  // it answers the request of the next identity
	before   *Site // which the reader belongs to; nil: none, or damaged
	damaged  bool
}

// readBundle opens a bundle. It refuses one that is of another site, older, for another
// board, or without a valid policy or snapshot.
func readBundle(dir string, a *adoption) (*checkedBundle, error) {
	bundle, next, err := openBundle(dir, a.Bundle)
	if err != nil {
		return nil, err
	}
	held, err := ReadSite(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errSiteDamaged) && a.ReplaceSite:
	case err != nil:
		return nil, err
	case held.ID != bundle.Site || held.Controller != bundle.Controller:
		if !a.ReplaceSite {
			return nil, fmt.Errorf("the bundle is of site %s, but this reader belongs to site %s: add --replace-site if it is to change", bundle.SiteName, held.Name)
		}
	case bundle.Number < held.Bundle && !a.ReplaceSite:
		return nil, fmt.Errorf("the bundle is older than the one that this reader has (%d, not %d): have the controller write a new one, or add --replace-site if the site was restored from a backup", bundle.Number, held.Bundle)
	}
	if bundle.Broker != "" {
		if err := wire.CheckBroker(bundle.Broker); err != nil {
			return nil, fmt.Errorf("the bundle's %w: have the controller write a new one", err)
		}
	}
	checked := &checkedBundle{Bundle: bundle, next: next, before: held, damaged: errors.Is(err, errSiteDamaged)}
	if checked.policy, err = wire.OpenPolicy(bundle.Site, bundle.Policy, bundle.Controller[:]); err != nil {
		return nil, fmt.Errorf("the bundle's policy: %w", err)
	}
	if reader := checked.policy.Policy().Reader; reader != bundle.Reader {
		return nil, fmt.Errorf("the bundle's policy is for reader %s, not %s", reader, bundle.Reader)
	}
	if checked.snapshot, err = wire.OpenSnapshot(bundle.Site, bundle.Snapshot, bundle.Controller[:]); err != nil {
		return nil, fmt.Errorf("the bundle's %w", err)
	}
	if epoch := checked.snapshot.Manifest().Epoch; epoch != bundle.Epoch {
		return nil, fmt.Errorf("the bundle's snapshot is of epoch %d, not %d", epoch, bundle.Epoch)
	}
	return checked, nil
}

// openBundle opens a bundle that answers a request of this board's; next says that it is
// that of the identity that waits for it.
func openBundle(dir string, sealed []byte) (bundle *wire.Bundle, next bool, err error) {
	wrong := errors.New("this board has no keys yet: run latchkeyd identity and give its request to the controller")
	for _, name := range []string{datadir.NextIdentity, datadir.Identity} {
		id, err := readIdentity(dir, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, false, err
		}
		sealing, err := id.SealingKey()
		if err != nil {
			return nil, false, err
		}
		request, err := id.request(dir)
		if err != nil {
			wrong = err
			continue
		}
		bundle, err := wire.OpenBundle(sealed, request, sealing)
		switch {
		case err == nil:
			return bundle, name == datadir.NextIdentity, nil
		case !errors.Is(err, wire.ErrOtherBoard):
			return nil, false, fmt.Errorf("the bundle is damaged (%w): have the controller write it again", err)
		}
		wrong = errors.New("the bundle is for another board, or for another TPM than this board has now: have the controller answer the request that latchkeyd identity writes")
	}
	return nil, false, wrong
}

// Adopt takes a bundle over into a data directory, or has the reader that runs on it do
// so. The error tells what to do about a refused bundle.
func Adopt(dir string, sealed []byte, replaceSite bool) (*wire.Bundle, error) {
	a := &adoption{Bundle: sealed, ReplaceSite: replaceSite}
	bundle, err := readBundle(dir, a)
	if err != nil {
		return nil, err
	}
	if err := durable.WriteFile(filepath.Join(dir, datadir.Adoption), wire.Marshal(a), 0o600); err != nil {
		return nil, err
	}
	unlock, err := datadir.Lock(dir)
	if errors.Is(err, datadir.ErrLocked) {
		return bundle.Bundle, awaitTakeOver(dir, bundle.Number)
	}
	if err != nil {
		return nil, err
	}
	defer unlock()
	return bundle.Bundle, takeOver(dir)
}

// Receive puts the bundle of a controller's answer into the data directory of a reader that no
// site has adopted, for its Inbox to take over. It refuses one that is not of the site and the
// controller that the answer names, or not for the reader that the config names; reader is ""
// if that names none.
func Receive(dir string, answer *wire.HandoverAnswer, reader string) (*wire.Bundle, error) {
	a := &adoption{Bundle: answer.Bundle}
	bundle, err := readBundle(dir, a)
	switch {
	case err != nil:
		return nil, err
	case bundle.before != nil:
		return nil, fmt.Errorf("this reader belongs to site %s", bundle.before.Name)
	case bundle.Controller != answer.Controller || bundle.SiteName != answer.Site:
		return nil, errors.New("the bundle is not of the site and the controller that sent it")
	case reader != "" && bundle.Reader != reader:
		return nil, fmt.Errorf("the bundle is for reader %s, but reader.id is %s in the config: make them equal", bundle.Reader, reader)
	}
	return bundle.Bundle, durable.WriteFile(filepath.Join(dir, datadir.Adoption), wire.Marshal(a), 0o600)
}

// awaitTakeOver waits until the running reader has taken a bundle over.
func awaitTakeOver(dir string, number uint64) error {
	for range 100 {
		if _, err := os.Stat(filepath.Join(dir, datadir.Adoption)); errors.Is(err, fs.ErrNotExist) {
			if held, err := ReadSite(dir); err != nil || held.Bundle != number {
				return errors.New("the running reader has refused the bundle: see its log")
			}
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("the running reader has not taken the bundle over within 10 s: see its log; it goes on trying")
}

// takeOver makes an adoption in the data directory the reader's own. The caller holds the
// directory's lock. Each step may be done twice.
func takeOver(dir string) error {
	b, err := datadir.ReadSecret(filepath.Join(dir, datadir.Adoption), wire.MaxBundle+1<<10)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var a adoption
	if err := wire.Unmarshal(b, wire.MaxBundle+1<<10, &a); err != nil {
		return fmt.Errorf("%w: %s: %w", errRefused, datadir.Adoption, err)
	}
	bundle, err := readBundle(dir, &a)
	var disk *fs.PathError
	switch {
	case errors.As(err, &disk):
		return err
	case err != nil:
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	held := bundle.before
	_, err = os.Stat(filepath.Join(dir, datadir.Journal))
	first := errors.Is(err, fs.ErrNotExist) && !bundle.damaged && (held == nil || held.First)
	replaced := held != nil && (held.Replaced || held.ID != bundle.Site || held.Controller != bundle.Controller || bundle.Number < held.Bundle)
	if first {
		if err := connection.Begin(dir); err != nil {
			return err
		}
	}
	options := cache.Options{Dir: dir, Site: bundle.Site, Controller: bundle.Controller[:]}
	if err := cache.Install(options, bundle.snapshot, &bundle.Keys); err != nil {
		return fmt.Errorf("adopt: %w", err)
	}
	if err := cache.StorePolicy(options, bundle.Reader, bundle.policy); err != nil && !errors.Is(err, cache.ErrOlder) {
		return fmt.Errorf("adopt: %w", err)
	}
	if bundle.next {
		if err := useNextIdentity(dir); err != nil {
			return fmt.Errorf("adopt: %w", err)
		}
	}
	site := &Site{
		Bundle: bundle.Number, ID: bundle.Site, Name: bundle.SiteName, Reader: bundle.Reader,
		Controller: bundle.Controller, Certificate: bundle.Certificate, Authority: bundle.Authority,
		Broker: bundle.Broker, Others: bundle.Others, First: first, Replaced: replaced,
	}
	if err := site.write(dir); err != nil {
		return err
	}
	return durable.Remove(filepath.Join(dir, datadir.Adoption))
}
