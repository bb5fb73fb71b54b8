package store

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"latchkey/sync/wire"
)

// Head is the position of the end of the credential log.
type Head = wire.Position

// Head returns the log's head.
func (t *Tx) Head() (head Head, err error) {
	if err = t.row(`SELECT coalesce(max(number), 0) FROM epochs`, nil, &head.Epoch); err != nil {
		return head, err
	}
	head.Hash = wire.Start(head.Epoch)
	err = t.rowIfAny(`SELECT revision, hash FROM changes WHERE epoch = ? ORDER BY revision DESC LIMIT 1`, []any{head.Epoch}, &head.Revision, fixed(head.Hash[:]))
	return head, err
}

// appendChange appends a change to the log.
func (t *Tx) appendChange(now int64, change wire.Change) error {
	head, err := t.Head()
	if err != nil {
		return err
	}
	return t.appendAt(&head, now, change)
}

// appendAt appends a change at the log's head and advances head. It refuses a change
// that readers would refuse.
func (t *Tx) appendAt(head *Head, now int64, change wire.Change) error {
	encoded, err := encodeChange(change)
	if err != nil {
		return err
	}
	return t.exec(insertChange, advance(head, now, encoded)...)
}

// encodeChange encodes a change for the log. It refuses one that readers would refuse.
func encodeChange(change wire.Change) ([]byte, error) {
	if change.Credential != nil {
		if err := change.Credential.Check(); err != nil {
			return nil, err
		}
	}
	return wire.Encode(change)
}

// insertChange is the statement for what advance returns.
const insertChange = `INSERT INTO changes (epoch, revision, change, hash, at) VALUES (?, ?, ?, ?, ?)`

// advance advances the log's head by a change that encodeChange returned, and returns the change's
// row.
func advance(h *Head, now int64, change []byte) []any {
	h.Revision, h.Hash = h.Revision+1, h.Hash.ExtendEncoded(change)
	return []any{h.Epoch, h.Revision, change, slices.Clone(h.Hash[:]), now}
}

// Retag stores credentials' tags and wrapped card keys for a new epoch, and adds them to its log, which must have
// nothing else. credentials are in the order of their ids, users those who have them.
func (t *Tx) Retag(now int64, credentials []*Credential, users map[uint64]*User) error {
	head, err := t.Head()
	if err != nil {
		return err
	}
	var tags, log [][]any
	for _, c := range credentials {
		tags = append(tags, []any{c.ID, c.Tag[:], append([]byte{}, c.CardKey...)})
		change := users[c.User].change(c)
		if change.Credential == nil {
			continue
		}
		encoded, err := encodeChange(change)
		if err != nil {
			return err
		}
		log = append(log, advance(&head, now, encoded))
	}
	if err := t.insert(retag, tags); err != nil {
		return err
	}
	return t.insert(insertChange, log)
}

// retag is a statement for Tx.insert: new tags and keys by the ids of their credentials.
const retag = `WITH new (id, tag, card_key) AS (VALUES (?, ?, ?))
	UPDATE credentials SET tag = new.tag, card_key = new.card_key FROM new WHERE credentials.id = new.id`

// skippedIDs is how many ids of a kind are skipped after a restore: more than were assigned
// since the backup. skippedEvents is the same of events, of which there are more.
const (
	skippedIDs    = 10_000
	skippedEvents = 1 << 32
)

// SkipIDs skips ids that may have been assigned in the lost state of the database, so that what
// others have kept, like programs and readers, names nothing else from now on.
func (t *Tx) SkipIDs() error {
	skipped := map[string]int64{"activity": skippedEvents}
	for _, table := range []string{"users", "credentials", "groups", "locations", "hubs", "doors", "schedules", "modes", "admins", "tokens", "webhooks", "cell"} {
		skipped[table] = skippedIDs
	}
	for table, n := range skipped {
		if _, err := t.engine.skipIDs(t, table, n); err != nil {
			return err
		}
	}
	return nil
}

// Changes calls each with the encoded changes of revisions (from, to] of an epoch,
// and the chain hash after each.
func (t *Tx) Changes(epoch, from, to uint64, each func(revision uint64, change []byte, hash wire.Hash) error) error {
	return t.rows(`SELECT revision, change, hash FROM changes WHERE epoch = ? AND revision > ? AND revision <= ? ORDER BY revision`, []any{epoch, from, to}, func(r scanner) error {
		var revision uint64
		var change []byte
		var hash wire.Hash
		if err := r.Scan(&revision, &change, fixed(hash[:])); err != nil {
			return err
		}
		return each(revision, change, hash)
	})
}

// NewestEvent returns the id of the newest event of the activity, and its hash; 0, "": there is none.
func (t *Tx) NewestEvent() (id int64, hash string, err error) {
	if err = t.row(`SELECT coalesce(max(id), 0) FROM activity`, nil, &id); err == nil && id != 0 {
		hash, err = t.eventHash(id)
	}
	return id, hash, err
}

// eventHash returns a hash, hexadecimal, of what tells an event from another one with its id.
func (t *Tx) eventHash(id int64) (string, error) {
	var source, row, at, received int64
	var kind, reader string
	err := t.row(`SELECT source, row, kind, reader_id, at, received FROM activity WHERE id = ?`, []any{id}, &source, &row, &kind, &reader, &at, &received)
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %d %q %q %d %d", source, row, kind, reader, at, received))
	return hex.EncodeToString(sum[:]), err
}

// HadEvent says whether there was once an event with an id, and a hash as of NewestEvent; "": any.
func (t *Tx) HadEvent(id int64, hash string) (bool, error) {
	last, err := t.LastEventID()
	if err != nil || last < id {
		return false, err
	}
	if hash == "" {
		return true, nil
	}
	is, err := t.eventHash(id)
	if errors.Is(err, ErrNotFound) {
		// With it were deleted all before it, but administrators' acts; or else its id was passed over, as
		// by a server that was not shut down.
		var kept bool
		err = t.row(`SELECT EXISTS (SELECT 1 FROM activity WHERE id < ? AND source <> 2)`, []any{id}, &kept)
		return !kept, err
	}
	return is == hash, err
}

// NoticedRestore says whether, after an event with an id, it was noticed that the database was restored to an older state.
func (t *Tx) NoticedRestore(after int64) (noticed bool, err error) {
	err = t.row(`SELECT EXISTS (SELECT 1 FROM activity WHERE id > ? AND kind = ?)`, []any{after, LogForeign}, &noticed)
	return noticed, err
}

// LastEventID returns the highest id that an event of the activity has had, also of those that are
// deleted since.
func (t *Tx) LastEventID() (id int64, err error) {
	return t.engine.count(t, table{name: "activity", counted: "id"})
}
