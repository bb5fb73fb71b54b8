// Package site is one site as its controller keeps it: its keys, its users with their
// PINs and cards, its readers, and the chained log of credentials that readers
// follow. A site is a directory: the database (package store) and the key that
// encrypts the secrets in it (package vault).
//
// Functions that change a site take a transaction, which the caller begins with
// Update, and the current time. Several processes may use one site at once.
package site

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/cmd/latchkey-controller/internal/vault"
	"latchkey/cmd/latchkey-controller/internal/zone"
	"latchkey/sync/wire"
)

// Kinds of secrets that the vault seals besides credentials; the id is 0, or the
// epoch's number.
const (
	sealedSigning   = "signing key"
	sealedAuthority = "authority key"
	sealedSiteKey   = "site key"

	sealedCardMaster = "card master key"
	sealedGrantKey   = "grant key"
)

// SealedOIDC is the kind under which the vault seals the secret for the provider at which
// administrators sign in.
const SealedOIDC = "oidc"

// SealedMail is the kind under which the vault seals the password for the mail server.
const SealedMail = "mail"

// SealedWebhook is the kind under which the vault seals the secret and the header fields of
// a webhook, by its id.
const SealedWebhook = "webhook"

// A Site is an open site. It is safe for concurrent use.
type Site struct {
	ID   wire.SiteID
	Name string

	dir       string
	store     *store.Store
	vault     *vault.Vault
	signing   ed25519.PrivateKey
	authority *authority
	snapshots *snapshots
	sealed    []byte                     // signing key as stored: it changes with the storage key
	kept      atomic.Pointer[clock.Mark] // the time, as this process kept or followed it last; nil: it has not
}

// Create creates a site in a directory, which it makes if necessary, and opens it. Its database is at
// an address of a PostgreSQL server; "": SQLite's, in the directory. It starts over after an
// interrupted creation. The error says so if there is already a site.
func Create(ctx context.Context, dir, database, name, inZone string, at clock.Reading) (*Site, error) {
	if err := wire.CheckName(name); err != nil {
		return nil, err
	}
	if _, err := zone.Load(inZone); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := checkNotLost(dir); err != nil {
		return nil, err
	}
	db, err := store.Create(ctx, dir, database)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	free := func(tx *store.Tx) error {
		existing, err := tx.Site()
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return fmt.Errorf("%s already holds the site %s; choose another directory for a new one", dir, existing.Name)
	}
	if err := db.View(ctx, free); err != nil {
		return nil, err
	}
	v, err := vault.Create(dir)
	if err != nil {
		return nil, err
	}
	err = db.Update(ctx, func(tx *store.Tx) error {
		if err := free(tx); err != nil {
			return err
		}
		return initSite(tx, v, name, inZone, at)
	})
	if err != nil {
		return nil, err
	}
	return Open(ctx, dir)
}

// initSite stores a new site: its keys, its authority, and the first epoch with an
// empty log.
func initSite(tx *store.Tx, v *vault.Vault, name, inZone string, at clock.Reading) error {
	now := at.Wall
	if err := tx.SetClock(clock.Begin(at)); err != nil {
		return err
	}
	row := store.Site{Name: name, Zone: inZone, Created: now.Unix()}
	rand.Read(row.ID[:])
	_, signing, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	row.Signing = v.Seal(sealedSigning, 0, signing.Seed())
	authority, err := newAuthority(row.ID, name)
	if err != nil {
		return err
	}
	authorityKey, err := x509.MarshalPKCS8PrivateKey(authority.key)
	if err != nil {
		return err
	}
	row.Authority = v.Seal(sealedAuthority, 0, authorityKey)
	row.Root = authority.root.Raw
	if row.CardMaster, err = newCardMaster(v, signing.Seed()); err != nil {
		return err
	}
	if row.GrantKey, err = newGrantKey(v); err != nil {
		return err
	}
	if err := tx.AddSite(&row); err != nil {
		return err
	}
	kdf := wire.KDF{Memory: 19 << 10, Time: 2, Threads: 4}
	rand.Read(kdf.Salt[:])
	_, err = addEpoch(tx, v, now, 0, kdf)
	return err
}

// Open opens the site in a directory.
func Open(ctx context.Context, dir string) (*Site, error) {
	file := filepath.Join(dir, store.File)
	place := file
	if address, err := store.Address(dir); err != nil {
		return nil, err
	} else if address != "" {
		file = filepath.Join(dir, store.AddressFile)
		place = "the database that " + file + " names"
	}
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		if err := checkNotLost(dir); err != nil {
			return nil, err
		}
		return nil, noSite(dir)
	}
	v, err := vault.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := vault.CheckPrivate(file); err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, dir)
	if err != nil {
		return nil, err
	}
	var row *store.Site
	err = db.View(ctx, func(tx *store.Tx) (err error) {
		row, err = tx.Site()
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = noSite(dir)
	}
	var s *Site
	if err == nil {
		v, err = currentStorageKey(dir, row, v)
	}
	if err == nil && !opensSigning(v, row.Signing) {
		err = fmt.Errorf("%s does not open the site %s that is in %s: it is another site's key, or it has been changed since; correct the address of the database, or bring the right key from the directory of another controller of that site, or from a backup",
			filepath.Join(dir, vault.KeyFile), row.Name, place)
	}
	if err == nil {
		s, err = open(dir, row, db, v)
	}
	if err == nil && len(row.CardMaster) == 0 {
		err = s.addCardMaster(ctx)
	}
	if err == nil && len(row.GrantKey) == 0 {
		err = s.addGrantKey(ctx)
	}
	if err != nil {
		db.Close()
		return nil, err
	}
	return s, nil
}

func noSite(dir string) error {
	return fmt.Errorf("%s holds no site; create one with: latchkey-controller init --dir %s --site NAME", dir, dir)
}

func open(dir string, row *store.Site, db *store.Store, v *vault.Vault) (*Site, error) {
	seed, err := v.Unseal(sealedSigning, 0, row.Signing)
	if err != nil {
		return nil, err
	}
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("signing key: %d bytes", len(seed))
	}
	der, err := v.Unseal(sealedAuthority, 0, row.Authority)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	ecdsaKey, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("certificate authority: its key is not ECDSA")
	}
	authority, err := openAuthority(ecdsaKey, row.Root)
	if err != nil {
		return nil, err
	}
	return &Site{ID: row.ID, Name: row.Name, dir: dir, store: db, vault: v, signing: ed25519.NewKeyFromSeed(seed), authority: authority, snapshots: &snapshots{open: map[snapshotID]*snapshot{}}, sealed: row.Signing}, nil
}

// Update runs act in a read-write transaction, which is durable when Update returns
// nil and rolled back otherwise.
func (s *Site) Update(ctx context.Context, act func(*store.Tx) error) error {
	return s.store.Update(ctx, func(tx *store.Tx) error {
		if err := s.checkStorageKey(tx); err != nil {
			return err
		}
		return act(tx)
	})
}

// Keep is Update for what can wait: on a full disk it returns a store.FullError.
func (s *Site) Keep(ctx context.Context, act func(*store.Tx) error) error {
	return s.store.Keep(ctx, act)
}

// View runs act in a read-only transaction, which sees one consistent state.
func (s *Site) View(ctx context.Context, act func(*store.Tx) error) error {
	return s.store.View(ctx, act)
}

// Seal encrypts a secret for the site's database, bound to its kind and id. Unseal
// decrypts it.
func (s *Site) Seal(kind string, id int64, secret []byte) []byte {
	return s.vault.Seal(kind, uint64(id), secret)
}

// Unseal decrypts what Seal returned for the same kind and id.
func (s *Site) Unseal(kind string, id int64, sealed []byte) ([]byte, error) {
	return s.vault.Unseal(kind, uint64(id), sealed)
}

// Zone returns the site's time zone, in which people write and read times.
func (s *Site) Zone(ctx context.Context) (*time.Location, error) {
	var name string
	err := s.View(ctx, func(tx *store.Tx) (err error) {
		name, err = tx.Zone()
		return err
	})
	if err != nil {
		return nil, err
	}
	in, err := zone.Load(name)
	if err != nil {
		return nil, fmt.Errorf("the site's time zone: %w (latchkey-controller settings set --zone sets it)", err)
	}
	return in, nil
}

// Full returns a store.FullError if the site's disk is full.
func (s *Site) Full() error { return s.store.Full() }

// DatabaseDoubts says, in sentences, what of the database's settings could lose what is stored.
func (s *Site) DatabaseDoubts(ctx context.Context) ([]string, error) { return s.store.Doubts(ctx) }

// Close closes the site.
func (s *Site) Close() error {
	for _, snap := range s.snapshots.open {
		snap.file.Close()
	}
	return s.store.Close()
}

// Fingerprint returns the fingerprint of the controller's signing key, for people to
// compare.
func (s *Site) Fingerprint() string {
	key := s.VerifyingKey()
	return wire.Fingerprint(key[:])
}

// VerifyingKey returns the public one of the controller's signing key, Ed25519.
func (s *Site) VerifyingKey() [32]byte { return [32]byte(s.signing.Public().(ed25519.PublicKey)) }
