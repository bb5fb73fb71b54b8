package main

import (
	"crypto/ed25519"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"latchkey/device/cache"
	"latchkey/sync/wire"
)

// site is what an adoption leaves behind besides the epoch and the policy: who
// the controller is. It is written last, so a reader belongs to a site once
// all that it needs is there.
type site struct {
	Bundle      uint64      `cbor:"1,keyasint"` // number of the bundle
	ID          wire.SiteID `cbor:"2,keyasint"`
	Name        string      `cbor:"3,keyasint"`
	Reader      string      `cbor:"4,keyasint"` // the reader's id
	Controller  [32]byte    `cbor:"5,keyasint"` // Ed25519
	Certificate []byte      `cbor:"6,keyasint"` // DER
	Authority   []byte      `cbor:"7,keyasint"` // DER
	Broker      string      `cbor:"8,keyasint,omitempty"`
	// First says that the adopted reader has not begun its first journal yet:
	// only then may it be without one.
	First bool `cbor:"9,keyasint,omitempty"`
	// Replaced says that the site took the place of another one, or of a later
	// state of itself, and that the journal does not tell of it yet.
	Replaced bool `cbor:"10,keyasint,omitempty"`
}

func (s *site) controller() ed25519.PublicKey { return s.Controller[:] }

// readSite reads which site has adopted the reader; the error wraps
// fs.ErrNotExist when none has.
func readSite(dir string) (*site, error) {
	b, err := readBounded(filepath.Join(dir, siteFile), wire.MaxMessage)
	if err != nil {
		return nil, err
	}
	var s site
	if err := wire.Unmarshal(b, wire.MaxMessage, &s); err != nil {
		return nil, errSiteDamaged
	}
	return &s, nil
}

// errSiteDamaged says that it cannot be known any more which site the reader
// belongs to.
var errSiteDamaged = errors.New(siteFile + " is damaged: have the controller write a new bundle, and adopt it with --replace-site")

// errRefused says that a bundle must not be taken over, now or later.
var errRefused = errors.New("refused")

// adoption is a bundle on its way in, kept as it came. Putting it into the data
// directory by one rename is the adoption; what follows can be done again
// after a power cut, and is, at the next start.
type adoption struct {
	Bundle      []byte `cbor:"1,keyasint"`
	ReplaceSite bool   `cbor:"2,keyasint"`
}

// readBundle opens a bundle and refuses one that must not replace what the
// reader holds: foreign, older, for another board, or without a valid policy or snapshot.
func readBundle(dir string, a *adoption) (*wire.Bundle, error) {
	id, err := readIdentity(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("this board has no keys yet: run latchkeyd identity and give its request to the controller")
	}
	if err != nil {
		return nil, err
	}
	request, err := id.request()
	if err != nil {
		return nil, err
	}
	sealing, err := id.sealingKey()
	if err != nil {
		return nil, err
	}
	bundle, err := wire.OpenBundle(a.Bundle, request, sealing)
	switch {
	case errors.Is(err, wire.ErrOtherBoard):
		return nil, errors.New("the bundle is for another board: have the controller answer this board's request")
	case err != nil:
		return nil, fmt.Errorf("the bundle is damaged (%w): have the controller write it again", err)
	}
	held, err := readSite(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errSiteDamaged) && a.ReplaceSite:
	case err != nil:
		return nil, err
	case held.ID != bundle.Site || held.Controller != bundle.Controller:
		if !a.ReplaceSite {
			return nil, fmt.Errorf("the bundle is of site %s, but this reader belongs to site %s: add --replace-site if it is to change", bundle.SiteName, held.Name)
		}
	case bundle.Number < held.Bundle && !a.ReplaceSite:
		return nil, fmt.Errorf("the bundle is older than the one that this reader has (%d, not %d): have the controller write a new one; if this is new, because the site was put back to an older state, add --replace-site", bundle.Number, held.Bundle)
	}
	if bundle.Broker != "" {
		if err := wire.CheckBroker(bundle.Broker); err != nil {
			return nil, fmt.Errorf("the bundle's %w: have the controller write a new one", err)
		}
	}
	payload, err := wire.Open(wire.KindPolicy, bundle.Site, bundle.Policy, wire.MaxMessage, bundle.Controller[:])
	if err != nil {
		return nil, fmt.Errorf("the bundle's policy: %w", err)
	}
	policy, err := wire.ParsePolicy(payload)
	if err != nil {
		return nil, fmt.Errorf("the bundle's %w", err)
	}
	if policy.Reader != bundle.Reader {
		return nil, fmt.Errorf("the bundle's policy is for reader %s, not %s", policy.Reader, bundle.Reader)
	}
	manifest, err := cache.CheckSnapshot(bundleOptions(dir, bundle), bundle.Snapshot)
	if err != nil {
		return nil, fmt.Errorf("the bundle's %w", err)
	}
	if manifest.Epoch != bundle.Epoch {
		return nil, fmt.Errorf("the bundle's snapshot is of epoch %d, not %d", manifest.Epoch, bundle.Epoch)
	}
	return bundle, nil
}

func bundleOptions(dir string, bundle *wire.Bundle) cache.Options {
	return cache.Options{Dir: dir, Site: bundle.Site, Controller: bundle.Controller[:]}
}

func adoptCommand(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("latchkeyd adopt", flag.ContinueOnError)
	data := flags.String("data", "", "the reader's data `directory`")
	replace := flags.Bool("replace-site", false, "take over a bundle of another site than the one that the reader belongs to, or of the same one after it was put back to an older state")
	if err := parse(flags, args, stderr, 1); err != nil {
		return err
	}
	if *data == "" {
		return usagef("latchkeyd adopt needs --data DIR and the bundle's file")
	}
	if err := openData(*data); err != nil {
		return err
	}
	b, err := readBounded(flags.Arg(0), wire.MaxBundle)
	if err != nil {
		return fmt.Errorf("read the bundle: %w", err)
	}
	if err := asOwner(*data); err != nil {
		return err
	}
	a := &adoption{Bundle: b, ReplaceSite: *replace}
	bundle, err := readBundle(*data, a)
	if err != nil {
		return err
	}
	if err := writeFile(*data, adoptionFile, wire.Marshal(a)); err != nil {
		return err
	}
	unlock, err := lockData(*data)
	switch {
	case errors.Is(err, errLocked):
		err = awaitTakeOver(*data, bundle.Number)
	case err == nil:
		err = takeOver(*data)
		unlock()
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "adopted by site %s as %s; its controller's key is %s\n", bundle.SiteName, bundle.Reader, wire.Fingerprint(bundle.Controller[:]))
	return nil
}

// awaitTakeOver waits until the running reader has taken a bundle over.
func awaitTakeOver(dir string, number uint64) error {
	for range 100 {
		if _, err := os.Stat(filepath.Join(dir, adoptionFile)); errors.Is(err, fs.ErrNotExist) {
			if held, err := readSite(dir); err != nil || held.Bundle != number {
				return errors.New("the running reader has refused the bundle: see its log")
			}
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("the running reader has not taken the bundle over within 10 s: see its log; it goes on trying")
}

// takeOver makes an adoption that lies in the data directory the reader's own.
// The caller holds the directory's lock. Each step can be done twice.
func takeOver(dir string) error {
	b, err := readSecret(filepath.Join(dir, adoptionFile), wire.MaxBundle+1<<10)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var a adoption
	if err := wire.Unmarshal(b, wire.MaxBundle+1<<10, &a); err != nil {
		return fmt.Errorf("%w: %s: %w", errRefused, adoptionFile, err)
	}
	bundle, err := readBundle(dir, &a)
	var disk *fs.PathError
	switch {
	case errors.As(err, &disk):
		return err
	case err != nil:
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	held, siteErr := readSite(dir)
	if siteErr != nil && !errors.Is(siteErr, fs.ErrNotExist) && !errors.Is(siteErr, errSiteDamaged) {
		return siteErr
	}
	_, err = os.Stat(filepath.Join(dir, journalDir))
	first := errors.Is(err, fs.ErrNotExist) && (errors.Is(siteErr, fs.ErrNotExist) || held != nil && held.First)
	replaced := held != nil && (held.Replaced || held.ID != bundle.Site || held.Controller != bundle.Controller || bundle.Number < held.Bundle)
	if first {
		if err := beginConnections(dir); err != nil {
			return err
		}
	}
	options := bundleOptions(dir, bundle)
	if err := cache.Install(options, bundle); err != nil {
		return fmt.Errorf("adopt: %w", err)
	}
	if _, err := cache.StorePolicy(options, bundle.Reader, bundle.Policy); err != nil && !errors.Is(err, cache.ErrOlder) {
		return fmt.Errorf("adopt: %w", err)
	}
	if err := writeFile(dir, siteFile, wire.Marshal(&site{
		Bundle: bundle.Number, ID: bundle.Site, Name: bundle.SiteName, Reader: bundle.Reader,
		Controller: bundle.Controller, Certificate: bundle.Certificate, Authority: bundle.Authority,
		Broker: bundle.Broker, First: first, Replaced: replaced,
	})); err != nil {
		return err
	}
	return removeDurably(dir, adoptionFile)
}

// readBounded reads a file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s: more than %d bytes", path, limit)
	}
	return b, err
}
