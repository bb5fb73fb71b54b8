package store

import (
	"errors"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/sync/wire"
)

// A Site is the one row that describes the site.
type Site struct {
	ID        wire.SiteID
	Name      string
	Zone      string // IANA name of its time zone
	Created   int64  // Unix seconds
	Signing   []byte // sealed: the controller's Ed25519 seed
	Authority []byte // sealed: the certificate authority's key, PKCS #8
	Root      []byte // the certificate authority's certificate, DER

	CardMaster []byte // sealed: what the keys of cards are made of; empty: the site is older and was not opened yet
	GrantKey   []byte // sealed: the ECDSA key of grants to TPMs, PKCS #8; empty: as above
}

// Site returns the site, or ErrNotFound before it is created.
func (t *Tx) Site() (*Site, error) {
	var s Site
	return &s, t.row(`SELECT id, name, zone, created, signing, authority, root, card_master, grant_key FROM site`, nil, fixed(s.ID[:]), &s.Name, &s.Zone, &s.Created, &s.Signing, &s.Authority, &s.Root, &s.CardMaster, &s.GrantKey)
}

// SealedSigning returns the site's signing key, sealed. The error says so if the site has been moved
// to another database, or to a schema with which this program does not work.
func (t *Tx) SealedSigning() (sealed []byte, err error) {
	var version, worksWith int
	err = t.row(`SELECT signing, (`+t.engine.versionQuery()+`), (`+t.engine.worksWithQuery()+`) FROM site`, nil, &sealed, &version, &worksWith)
	if err == nil && version >= arrivingVersion {
		err = errors.New("the site has just been moved to another database; try again")
	}
	if err == nil {
		err = t.mustWork(version, worksWith)
	}
	return sealed, err
}

// AddSite adds the site.
func (t *Tx) AddSite(s *Site) error {
	return t.exec(`INSERT INTO site (one, id, name, zone, created, signing, authority, root, card_master, grant_key, first_proven) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		s.ID[:], s.Name, s.Zone, s.Created, s.Signing, s.Authority, s.Root, s.CardMaster, s.GrantKey, FirstProvenAwaited)
}

// Zone returns the IANA name of the site's time zone.
func (t *Tx) Zone() (name string, err error) {
	err = t.row(`SELECT zone FROM site`, nil, &name)
	return name, err
}

// SetZone sets the site's time zone.
func (t *Tx) SetZone(name string) error { return t.exec(`UPDATE site SET zone = ?`, name) }

// KeepDays returns for how many days activity is kept.
func (t *Tx) KeepDays() (days int, err error) {
	err = t.row(`SELECT keep_days FROM site`, nil, &days)
	return days, err
}

// SetKeepDays sets for how many days activity is kept.
func (t *Tx) SetKeepDays(days int) error { return t.exec(`UPDATE site SET keep_days = ?`, days) }

// LastClaim returns when ReissueOnClaim last began an epoch; 0: never.
func (t *Tx) LastClaim() (at clock.Steady, err error) {
	err = t.row(`SELECT claimed FROM site`, nil, &at)
	return at, err
}

// SetLastClaim sets when ReissueOnClaim last began an epoch.
func (t *Tx) SetLastClaim(at clock.Steady) error { return t.exec(`UPDATE site SET claimed = ?`, at) }

// An Epoch holds the key material of one epoch of the credential log.
type Epoch struct {
	Number  uint64
	Created int64
	Key     []byte // sealed: the site key
	Split   bool   // it yields a PIN key and a card key; else it is both
	KDF     wire.KDF
}

// Epoch returns the newest epoch, or ErrNotFound before there is one.
func (t *Tx) Epoch() (*Epoch, error) {
	var e Epoch
	return &e, t.row(`SELECT number, created, key, split, salt, memory, time, threads FROM epochs ORDER BY number DESC LIMIT 1`, nil,
		&e.Number, &e.Created, &e.Key, &e.Split, fixed(e.KDF.Salt[:]), &e.KDF.Memory, &e.KDF.Time, &e.KDF.Threads)
}

// NextEpoch returns the number for an epoch that begins now.
func (t *Tx) NextEpoch(now int64) (uint64, error) {
	return t.next(now, `SELECT coalesce(max(number), 0) FROM epochs`)
}

// AddEpoch adds an epoch.
func (t *Tx) AddEpoch(e *Epoch) error {
	return t.exec(`INSERT INTO epochs (number, created, key, split, salt, memory, time, threads) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		e.Number, e.Created, e.Key, e.Split, e.KDF.Salt[:], e.KDF.Memory, e.KDF.Time, e.KDF.Threads)
}

// next returns max(last + 1, now), last being the number that the query returns: it
// rises even across a restore from a backup.
func (t *Tx) next(now int64, last string, args ...any) (uint64, error) {
	var n int64
	if err := t.row(last, args, &n); err != nil {
		return 0, err
	}
	return uint64(max(n+1, now)), nil
}
