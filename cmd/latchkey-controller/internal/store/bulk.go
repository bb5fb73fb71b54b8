package store

import "latchkey/sync/wire"

// AllVisitors returns the ids of the users who are visitors.
func (t *Tx) AllVisitors() (map[uint64]bool, error) {
	return t.userSet(`SELECT id FROM users INDEXED BY users_invited WHERE invited <> 0`)
}

// AllWithPIN returns the ids of the users who have a PIN.
func (t *Tx) AllWithPIN() (map[uint64]bool, error) {
	return t.userSet(`SELECT user_id FROM credentials WHERE kind = 1`)
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

// UsersTagged returns the users who have credentials with some tags.
func (t *Tx) UsersTagged(tags []wire.Tag) (map[wire.Tag]uint64, error) {
	t.KeepStatements()
	users := map[wire.Tag]uint64{}
	for _, tag := range tags {
		var id uint64
		if err := t.rowIfAny(`SELECT user_id FROM credentials WHERE tag = ?`, []any{tag[:]}, &id); err != nil {
			return nil, err
		}
		if id != 0 {
			users[tag] = id
		}
	}
	return users, nil
}

// CredentialsOfAll returns the credentials of some users by user, each user's by id.
func (t *Tx) CredentialsOfAll(users []uint64) (map[uint64][]*Credential, error) {
	ids := make([]int64, len(users))
	for i, id := range users {
		ids[i] = int64(id)
	}
	credentials, err := t.credentials(`user_id IN `+listed, list(ids))
	all := map[uint64][]*Credential{}
	for _, c := range credentials {
		all[c.User] = append(all[c.User], c)
	}
	return all, err
}

// UsersByID returns the users with some ids, by id; those that there are not are missing.
func (t *Tx) UsersByID(ids []uint64) ([]*User, error) {
	listedIDs := make([]int64, len(ids))
	for i, id := range ids {
		listedIDs[i] = int64(id)
	}
	return t.users(`id IN `+listed, list(listedIDs))
}
