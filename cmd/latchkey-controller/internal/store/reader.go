package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"latchkey/sync/wire"
)

// A Bundle is one adoption of a reader.
type Bundle struct {
	Number      uint64
	Reader      string
	Created     int64  // Unix seconds
	Request     []byte // Lasting of the request that it answers
	Certificate []byte // DER
	Serial      string // the certificate's, hexadecimal
	Epoch       uint64 // of the site key in it
}

// NextBundle returns the number for a bundle made now.
func (t *Tx) NextBundle(now int64) (uint64, error) {
	return t.next(now, `SELECT coalesce(max(number), 0) FROM bundles`)
}

// AddBundle adds a bundle, and its reader if that is new. It revokes the reader's
// previous bundle, and that of moved, the other reader that the board was; "": none.
func (t *Tx) AddBundle(b *Bundle, moved string) error {
	if err := t.exec(`INSERT INTO readers (id, created) VALUES (?, ?) ON CONFLICT DO NOTHING`, b.Reader, b.Created); err != nil {
		return err
	}
	if err := t.exec(`UPDATE bundles SET revoked = ? WHERE revoked = 0 AND reader_id IN (?, ?)`, b.Created, b.Reader, moved); err != nil {
		return err
	}
	if err := t.exec(`DELETE FROM mode_readers WHERE reader_id IN (?, ?)`, b.Reader, moved); err != nil { // its board has confirmed nothing yet
		return err
	}
	if err := t.forgetCardReader(b.Reader); err != nil {
		return err
	}
	return t.exec(`INSERT INTO bundles (number, reader_id, created, request, certificate, serial, epoch, revoked) VALUES (?, ?, ?, ?, ?, ?, ?, 0)`,
		b.Number, b.Reader, b.Created, b.Request, b.Certificate, b.Serial, b.Epoch)
}

// Bundles returns the bundles in force, in the order of their readers' ids.
func (t *Tx) Bundles() ([]*Bundle, error) { return t.bundles(`revoked = 0`) }

// BundlesOf returns those of some readers. The error is ErrNotFound if one has none.
func (t *Tx) BundlesOf(readers []string) ([]*Bundle, error) {
	bundles, err := t.bundles(`revoked = 0 AND reader_id IN `+listed, list(readers))
	if err == nil && len(bundles) != len(readers) {
		err = ErrNotFound
	}
	return bundles, err
}

// Serials returns the serial numbers of the certificates in the bundles in force, hexadecimal, by reader.
func (t *Tx) Serials() (map[string]string, error) {
	all := map[string]string{}
	return all, t.rows(`SELECT reader_id, serial FROM bundles WHERE revoked = 0`, nil, func(r scanner) error {
		var reader, serial string
		err := r.Scan(&reader, &serial)
		all[reader] = serial
		return err
	})
}

func (t *Tx) bundles(where string, args ...any) ([]*Bundle, error) {
	var bundles []*Bundle
	err := t.rows(`SELECT number, reader_id, created, request, certificate, serial, epoch FROM bundles WHERE `+where+` ORDER BY reader_id`, args, func(r scanner) error {
		var b Bundle
		bundles = append(bundles, &b)
		return r.Scan(&b.Number, &b.Reader, &b.Created, &b.Request, &b.Certificate, &b.Serial, &b.Epoch)
	})
	return bundles, err
}

// A PeerVersion says which things of a reader with a bundle in force its peer is made of.
type PeerVersion struct {
	Bundle, Policy, Keys uint64 // number of the bundle, revision of the policy, number of the newest keys
	Level                int
	Cell                 ReaderCell
}

// PeerVersions returns those of all readers that a cell serves, by their ids; 0: of all readers.
func (t *Tx) PeerVersions(cell int64) (map[string]PeerVersion, error) {
	versions := map[string]PeerVersion{}
	err := t.rows(`SELECT b.reader_id, b.number, p.revision, r.keys, r.level, r.cell, r.from_cell
		FROM bundles b JOIN readers r ON r.id = b.reader_id JOIN policies p ON p.reader_id = b.reader_id WHERE b.revoked = 0 AND CAST(? AS BIGINT) IN (0, r.cell, r.from_cell)`, []any{cell}, func(r scanner) error {
		var id string
		var v PeerVersion
		err := r.Scan(&id, &v.Bundle, &v.Policy, &v.Keys, &v.Level, &v.Cell.Cell, &v.Cell.From)
		versions[id] = v
		return err
	})
	return versions, err
}

// SetBrokers stores the URLs of the brokers in a reader's newest bundle, in order, and marks the
// reader as not removed. No URL has a space.
func (t *Tx) SetBrokers(reader string, brokers []string) error {
	return t.exec(`UPDATE readers SET broker = ?, removed = '' WHERE id = ?`, strings.Join(brokers, " "), reader)
}

// BrokersOf returns the brokers in a reader's newest bundle; none: it names none, or there is no
// such reader.
func (t *Tx) BrokersOf(reader string) ([]string, error) {
	var brokers string
	err := t.row(`SELECT coalesce((SELECT broker FROM readers WHERE id = ?), '')`, []any{reader}, &brokers)
	return strings.Fields(brokers), err
}

// SetRemoved stores how a reader was removed: "returned" or "lost".
func (t *Tx) SetRemoved(reader, how string) error {
	return t.exec(`UPDATE readers SET removed = ? WHERE id = ?`, how, reader)
}

// Removed returns the removed readers, and how each was removed.
func (t *Tx) Removed() (map[string]string, error) {
	removed := map[string]string{}
	err := t.rows(`SELECT id, removed FROM readers WHERE removed <> ''`, nil, func(r scanner) error {
		var id, how string
		err := r.Scan(&id, &how)
		removed[id] = how
		return err
	})
	return removed, err
}

// Readers returns the ids of all readers, sorted, including those whose bundle was
// revoked.
func (t *Tx) Readers() ([]string, error) { return t.texts(`SELECT id FROM readers ORDER BY id`) }

// Former returns the ids of the readers without a bundle in force, sorted.
func (t *Tx) Former() ([]string, error) {
	return t.texts(`SELECT id FROM readers WHERE id NOT IN (SELECT reader_id FROM bundles WHERE revoked = 0) ORDER BY id`)
}

// FormerIn returns those of them that were of a cell last, or on the way out of it; 0: all of them.
func (t *Tx) FormerIn(cell int64) ([]string, error) {
	return t.texts(`SELECT id FROM readers WHERE id NOT IN (SELECT reader_id FROM bundles WHERE revoked = 0) AND CAST(? AS BIGINT) IN (0, cell, from_cell) ORDER BY id`, cell)
}

// Policy returns a reader's policy, or ErrNotFound.
func (t *Tx) Policy(reader string) (*wire.Policy, error) {
	var encoded []byte
	if err := t.row(`SELECT policy FROM policies WHERE reader_id = ?`, []any{reader}, &encoded); err != nil {
		return nil, err
	}
	return wire.ParsePolicy(encoded)
}

// Policies returns the policies of some readers, by their ids. The error is ErrNotFound if one has none;
// those of the others are returned all the same.
func (t *Tx) Policies(readers []string) (policies []*wire.Policy, err error) {
	err = t.rows(`SELECT reader_id, policy FROM policies WHERE reader_id IN `+listed+` ORDER BY reader_id`, []any{list(readers)}, func(r scanner) error {
		var reader string
		var encoded []byte
		if err := r.Scan(&reader, &encoded); err != nil {
			return err
		}
		p, err := wire.ParsePolicy(encoded)
		if err != nil {
			return fmt.Errorf("policy of %s: %w", reader, err)
		}
		policies = append(policies, p)
		return nil
	})
	if err == nil && len(policies) != len(readers) {
		err = ErrNotFound
	}
	return policies, err
}

// ErrPolicy is the error about a policy that no reader can have.
var ErrPolicy = errors.New("no reader can have this policy")

// SetPolicy is SetPolicies for one.
func (t *Tx) SetPolicy(now int64, p *wire.Policy) error { return t.SetPolicies(now, p) }

// SetPolicies sets the Revision of each policy to max(last + 1, Revision + 1, now), now in Unix
// seconds, checks the policies and stores them. Their readers must exist, and be others each. The
// error is ErrPolicy if no reader can have one of them.
func (t *Tx) SetPolicies(now int64, policies ...*wire.Policy) error {
	readers, last := make([]string, len(policies)), map[string]uint64{}
	for i, p := range policies {
		readers[i] = p.Reader
	}
	err := t.rows(`SELECT reader_id, revision FROM policies WHERE reader_id IN `+listed, []any{list(readers)}, func(r scanner) error {
		var reader string
		var revision uint64
		err := r.Scan(&reader, &revision)
		last[reader] = revision
		return err
	})
	if err != nil {
		return err
	}
	rows := make([][]any, len(policies))
	for i, p := range policies {
		p.Revision = max(last[p.Reader]+1, p.Revision+1, uint64(now))
		if err := p.Check(); err != nil {
			return fmt.Errorf("%w: %w", ErrPolicy, err)
		}
		encoded, err := wire.Encode(p)
		if err != nil {
			return err
		}
		if len(encoded) > wire.MaxMessage {
			return fmt.Errorf("%w: its groups have too many hours (%d bytes, at most %d)", ErrPolicy, len(encoded), wire.MaxMessage)
		}
		rows[i] = []any{p.Reader, p.Revision, encoded, now, int64(0), p.Revision}
	}
	act, err := t.actEvent()
	if err != nil {
		return err
	}
	for _, row := range rows {
		row[4] = act
	}
	if err := t.numberGroups(policies...); err != nil {
		return err
	}
	return t.insert(`INSERT INTO policies (reader_id, revision, policy, changed, act, act_revision) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (reader_id) DO UPDATE SET revision = excluded.revision, policy = excluded.policy, changed = excluded.changed, act = excluded.act, act_revision = excluded.act_revision`, rows)
}

// RevokeBundle revokes the bundle in force of a reader whose board is lost, or in good hands. The error is
// ErrNotFound if there is none.
func (t *Tx) RevokeBundle(now int64, reader string, lost bool) error {
	var number int64
	if err := t.row(`UPDATE bundles SET revoked = ?, lost = ? WHERE revoked = 0 AND reader_id = ? RETURNING number`, []any{now, lost, reader}, &number); err != nil {
		return err
	}
	return t.forgetCardReader(reader)
}

// A FormerBundle is one that is not in force any more.
type FormerBundle struct {
	Reader  string
	Request []byte // the payload it answered
	Revoked int64  // when, Unix seconds
	Lost    bool   // because its reader was removed as lost
}

// FormerBundles calls each with those that are not in force any more, the oldest first.
func (t *Tx) FormerBundles(each func(*FormerBundle) error) error {
	return t.rows(`SELECT reader_id, request, revoked, lost FROM bundles WHERE revoked <> 0 ORDER BY number`, nil, func(r scanner) error {
		var b FormerBundle
		if err := r.Scan(&b.Reader, &b.Request, &b.Revoked, &b.Lost); err != nil {
			return err
		}
		return each(&b)
	})
}

// RevokedSerials calls each with the serial number of each revoked certificate and
// the time of revocation, Unix seconds.
func (t *Tx) RevokedSerials(each func(serial string, revoked int64) error) error {
	return t.rows(`SELECT serial, revoked FROM bundles WHERE revoked <> 0 UNION ALL SELECT serial, revoked FROM broker_clients WHERE revoked <> 0`, nil, func(r scanner) error {
		var serial string
		var revoked int64
		if err := r.Scan(&serial, &revoked); err != nil {
			return err
		}
		return each(serial, revoked)
	})
}

// Brokers returns the distinct URLs of brokers in the bundles in force, sorted.
func (t *Tx) Brokers() ([]string, error) {
	lists, err := t.texts(`SELECT DISTINCT broker FROM readers WHERE broker <> '' AND id IN (SELECT reader_id FROM bundles WHERE revoked = 0)`)
	all := strings.Fields(strings.Join(lists, " "))
	slices.Sort(all)
	return slices.Compact(all), err
}

// BundleOf returns a reader's bundle in force, or ErrNotFound.
func (t *Tx) BundleOf(reader string) (*Bundle, error) {
	b := Bundle{Reader: reader}
	return &b, t.row(`SELECT number, created, request, certificate, serial, epoch FROM bundles WHERE revoked = 0 AND reader_id = ?`, []any{reader},
		&b.Number, &b.Created, &b.Request, &b.Certificate, &b.Serial, &b.Epoch)
}
