package store

import (
	"slices"

	"golang.org/x/text/collate"

	"latchkey/sync/wire"
)

// A UserWrite is a user to be added or changed, with new credentials. Prepare computes what does
// not depend on the rest of the database, so that the transaction with WriteUsers is short.
type UserWrite struct {
	User  *User         // one to be added has an id of ReserveUsers; 0: any
	Was   *User         // as stored; nil: to be added
	Added []*Credential // with ids of ReserveCredentials, tags and material

	sort, words string   // the columns
	changes     [][]byte // that the new credentials are to the log, encoded; nil: the user is suspended
}

// Prepare computes what WriteUsers writes. The users must not change in between.
func Prepare(writes []*UserWrite) error {
	sorts, buffer := newCollator(), new(collate.Buffer)
	for _, w := range writes {
		w.User.SplitName()
		w.sort, w.words = sortKey(sorts, buffer, w.User.Name), w.User.words()
		w.changes = nil
		for _, c := range w.Added {
			c.User = w.User.ID
			change := w.User.change(c)
			if change.Credential == nil {
				continue
			}
			encoded, err := encodeChange(change)
			if err != nil {
				return err
			}
			w.changes = append(w.changes, encoded)
		}
	}
	return nil
}

// WriteUsers adds and changes users after Prepare, and appends to the log what changes for their
// credentials. now is when the new credentials are made. The error is ErrTagTaken if a PIN or card
// is assigned already.
func (t *Tx) WriteUsers(now int64, writes []*UserWrite) error {
	head, err := t.Head()
	if err != nil {
		return err
	}
	var changed []uint64
	for _, w := range writes {
		if w.Was != nil && w.Was.sent() != w.User.sent() {
			changed = append(changed, w.User.ID)
		}
	}
	had, err := t.CredentialsOfAll(changed)
	if err != nil {
		return err
	}
	var added []*UserWrite
	var credentials []*Credential
	var log [][]any
	for _, w := range writes {
		if w.Was == nil {
			added = append(added, w)
		} else if err := t.updateUser(w); err != nil {
			return err
		}
		for _, c := range had[w.User.ID] {
			was, is := w.Was.change(c), w.User.change(c)
			if !differs(was, is) {
				continue
			}
			encoded, err := encodeChange(is)
			if err != nil {
				return err
			}
			log = append(log, advance(&head, now, encoded))
		}
		for _, c := range w.Added {
			c.Created = now
			credentials = append(credentials, c)
		}
		for _, change := range w.changes {
			log = append(log, advance(&head, now, change))
		}
	}
	if err := t.insertUsers(added); err != nil {
		return err
	}
	if err := t.insertCredentials(credentials); err != nil {
		return err
	}
	return t.insert(insertChange, log)
}

// sent returns what readers get of a user, without their credentials.
func (u *User) sent() string {
	return string(wire.Marshal(u.change(&Credential{}).Credential))
}

// insertUsers adds users, and fills in the IDs, which are never reused.
func (t *Tx) insertUsers(writes []*UserWrite) error {
	rows := make([][]any, len(writes))
	users := make([]*User, len(writes))
	for i, w := range writes {
		u := w.User
		if u.ID == 0 {
			id, err := t.ReserveUsers(1)
			if err != nil {
				return err
			}
			u.ID = id
		}
		users[i] = u
		rows[i] = []any{u.ID, u.Name, u.First, u.Last, w.sort, w.words, u.From, u.Until, u.Extended, u.Created, u.Email, u.Employee, u.Suspended, len(w.Added)}
	}
	err := t.insert(`INSERT INTO users (id, name, first, last, sort, words, valid_from, valid_until, extended, created, email, employee, suspended, credentials) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, rows)
	if err != nil {
		return err
	}
	return t.addGroups(users)
}

func (t *Tx) updateUser(w *UserWrite) error {
	u := w.User
	err := t.exec(`UPDATE users SET name = ?, valid_from = ?, valid_until = ?, extended = ?, email = ?, employee = ?, suspended = ?, credentials = credentials + ? WHERE id = ?`,
		u.Name, u.From, u.Until, u.Extended, u.Email, u.Employee, u.Suspended, len(w.Added), u.ID)
	if err != nil || u.sameNames(w.Was) {
		return err
	}
	if err := t.exec(`UPDATE users SET first = ?, last = ?, sort = ?, words = ? WHERE id = ?`, u.First, u.Last, w.sort, w.words, u.ID); err != nil {
		return err
	}
	if slices.Equal(u.Groups, w.Was.Groups) {
		return nil
	}
	if err := t.exec(`DELETE FROM user_groups WHERE user_id = ?`, u.ID); err != nil {
		return err
	}
	return t.addGroups([]*User{u})
}

func (t *Tx) addGroups(users []*User) error {
	var rows [][]any
	for _, u := range users {
		for _, group := range u.Groups {
			rows = append(rows, []any{u.ID, group})
		}
	}
	return t.insert(`INSERT INTO user_groups (user_id, name) VALUES (?, ?)`, rows)
}

// insertCredentials adds credentials that have their material, without counting them or appending
// them to the log. The error is ErrTagTaken if one is assigned already.
func (t *Tx) insertCredentials(credentials []*Credential) error {
	rows := make([][]any, len(credentials))
	for i, c := range credentials {
		rows[i] = []any{c.ID, c.User, c.Kind, c.Tag[:], c.Material, c.Created, c.By, c.Chip, c.Generation, append([]byte{}, c.CardKey...), c.Duress, c.Uses, c.Within}
	}
	added, err := t.insertNew(`INSERT INTO credentials (id, user_id, kind, tag, material, created, given_by, chip, generation, card_key, duress, uses, within) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (tag) DO NOTHING`, rows)
	if err == nil && len(added) < len(rows) {
		return ErrTagTaken
	}
	return err
}

// ReserveUsers returns the first of n consecutive ids for users that may be added later.
func (t *Tx) ReserveUsers(n int) (first uint64, err error) { return t.reserve("users", n) }

// ReserveCredentials returns the first of n consecutive ids for credentials that may be added
// later.
func (t *Tx) ReserveCredentials(n int) (first uint64, err error) { return t.reserve("credentials", n) }

// reserve returns the first of n ids of a table, which passes over them from now on; of none: 0.
func (t *Tx) reserve(table string, n int) (first uint64, err error) {
	if n == 0 {
		return 0, nil
	}
	id, err := t.engine.skipIDs(t, table, int64(n))
	return uint64(id), err
}
