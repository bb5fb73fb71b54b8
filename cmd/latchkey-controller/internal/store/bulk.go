package store

import "latchkey/sync/wire"

// AllVisitors returns the ids of the users who are visitors.
func (t *Tx) AllVisitors() (map[uint64]bool, error) {
	return t.userSet(`SELECT id FROM users INDEXED BY users_invited WHERE invited <> 0`)
}

func (t *Tx) userSet(query string, args ...any) (map[uint64]bool, error) {
	users := map[uint64]bool{}
	err := t.rows(query, args, func(r scanner) error {
		var id uint64
		err := r.Scan(&id)
		users[id] = true
		return err
	})
	return users, err
}

// An Owned is a PIN or a card, and whose it is.
type Owned struct {
	ID   uint64 // of the credential
	User uint64
	Kind wire.CredentialKind
	Tag  wire.Tag
}

// AllOwned returns whose all PINs and cards are, by id.
func (t *Tx) AllOwned() (all []Owned, err error) {
	err = t.rows(`SELECT id, user_id, kind, tag FROM credentials ORDER BY id`, nil, func(r scanner) error {
		var o Owned
		err := r.Scan(&o.ID, &o.User, &o.Kind, fixed(o.Tag[:]))
		all = append(all, o)
		return err
	})
	return all, err
}

// CredentialsOfAll returns the credentials of some users by user, each user's by id.
func (t *Tx) CredentialsOfAll(users []uint64) (map[uint64][]*Credential, error) {
	ids := make([]int64, len(users))
	for i, id := range users {
		ids[i] = int64(id)
	}
	credentials, err := t.credentials(`user_id IN `+listedIDs, list(ids))
	all := map[uint64][]*Credential{}
	for _, c := range credentials {
		all[c.User] = append(all[c.User], c)
	}
	return all, err
}

// UsersByID returns the users with some ids, by id; those that there are not are missing.
func (t *Tx) UsersByID(ids []uint64) ([]*User, error) {
	signed := make([]int64, len(ids))
	for i, id := range ids {
		signed[i] = int64(id)
	}
	return t.users(`id IN `+listedIDs, list(signed))
}
