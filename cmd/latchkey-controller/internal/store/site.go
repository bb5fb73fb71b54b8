package store

import (
	"errors"
	"fmt"

	"latchkey/sync/wire"
)

// A Site is the one row that says whose database this is.
type Site struct {
	ID        wire.SiteID
	Name      string
	Created   int64  // Unix seconds
	Signing   []byte // sealed: the controller's Ed25519 seed
	Authority []byte // sealed: the certificate authority's key, PKCS #8
	Root      []byte // the certificate authority's certificate, DER
}

// Site returns the site, or ErrNotFound before there is one.
func (t *Tx) Site() (*Site, error) {
	var s Site
	var id []byte
	err := t.row(`SELECT id, name, created, signing, authority, root FROM site`, nil, &id, &s.Name, &s.Created, &s.Signing, &s.Authority, &s.Root)
	if err != nil {
		return nil, err
	}
	s.ID = wire.SiteID(id)
	return &s, nil
}

// AddSite adds the site.
func (t *Tx) AddSite(s *Site) error {
	return t.exec(`INSERT INTO site (one, id, name, created, signing, authority, root) VALUES (1, ?, ?, ?, ?, ?, ?)`,
		s.ID[:], s.Name, s.Created, s.Signing, s.Authority, s.Root)
}

// An Epoch is what the credential log of that number is keyed with.
type Epoch struct {
	Number  uint64
	Created int64
	Key     []byte // sealed: the site key
	KDF     wire.KDF
}

// Epoch returns the newest epoch, or ErrNotFound before there is one.
func (t *Tx) Epoch() (*Epoch, error) {
	var e Epoch
	var salt []byte
	err := t.row(`SELECT number, created, key, salt, memory, time, threads FROM epochs ORDER BY number DESC LIMIT 1`, nil,
		&e.Number, &e.Created, &e.Key, &salt, &e.KDF.Memory, &e.KDF.Time, &e.KDF.Threads)
	if err != nil {
		return nil, err
	}
	e.KDF.Salt = [16]byte(salt)
	return &e, nil
}

// NextEpoch returns the number of the epoch that would begin now.
func (t *Tx) NextEpoch(now int64) (uint64, error) {
	return t.next(now, `SELECT coalesce(max(number), 0) FROM epochs`)
}

// AddEpoch adds an epoch.
func (t *Tx) AddEpoch(e *Epoch) error {
	return t.exec(`INSERT INTO epochs (number, created, key, salt, memory, time, threads) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		e.Number, e.Created, e.Key, e.KDF.Salt[:], e.KDF.Memory, e.KDF.Time, e.KDF.Threads)
}

// next returns max(last + 1, now), last being the number that a query finds:
// it rises even across a restore from a backup.
func (t *Tx) next(now int64, last string, args ...any) (uint64, error) {
	var n int64
	if err := t.row(last, args, &n); err != nil {
		return 0, err
	}
	return uint64(max(n+1, now)), nil
}

// A Head is how far the credential log has come.
type Head struct {
	Epoch    uint64
	Revision uint64
	Hash     wire.Hash // h(Revision)
}

// Head returns the log's head.
func (t *Tx) Head() (Head, error) {
	var head Head
	if err := t.row(`SELECT coalesce(max(number), 0) FROM epochs`, nil, &head.Epoch); err != nil {
		return Head{}, err
	}
	var hash []byte
	err := t.row(`SELECT revision, hash FROM changes WHERE epoch = ? ORDER BY revision DESC LIMIT 1`, []any{head.Epoch}, &head.Revision, &hash)
	if errors.Is(err, ErrNotFound) {
		head.Hash = wire.Start(head.Epoch)
		return head, nil
	}
	if err != nil {
		return Head{}, err
	}
	head.Hash = wire.Hash(hash)
	return head, nil
}

// appendChange adds a change to the log.
func (t *Tx) appendChange(now int64, change wire.Change) error {
	head, err := t.Head()
	if err != nil {
		return err
	}
	hash := head.Hash.Extend(change)
	return t.exec(`INSERT INTO changes (epoch, revision, change, hash, at) VALUES (?, ?, ?, ?, ?)`,
		head.Epoch, head.Revision+1, wire.Marshal(change), hash[:], now)
}

// Changes calls each with the changes of revisions (from, to] of an epoch, as
// encoded, and h after each.
func (t *Tx) Changes(epoch, from, to uint64, each func(revision uint64, change []byte, hash wire.Hash) error) error {
	return t.rows(`SELECT revision, change, hash FROM changes WHERE epoch = ? AND revision > ? AND revision <= ? ORDER BY revision`, []any{epoch, from, to}, func(r scanner) error {
		var revision uint64
		var change, hash []byte
		if err := r.Scan(&revision, &change, &hash); err != nil {
			return err
		}
		if len(hash) != len(wire.Hash{}) {
			return fmt.Errorf("change %d: hash of %d bytes", revision, len(hash))
		}
		return each(revision, change, wire.Hash(hash))
	})
}
