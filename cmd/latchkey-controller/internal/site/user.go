package site

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// AddUser adds a user with cards and a PIN, nil: none, and fills in the ID. by is who
// assigns them.
func (s *Site) AddUser(tx *store.Tx, now time.Time, by string, u *store.User, pin *NewPIN, cards [][]byte) error {
	u.Created = now.Unix()
	if err := tx.AddUser(u); err != nil {
		return err
	}
	if pin != nil {
		if err := s.givePIN(tx, now, by, u, pin); err != nil {
			return err
		}
	}
	for _, uid := range cards {
		if err := s.addCredential(tx, now, by, u, wire.Card, uid); err != nil {
			return err
		}
	}
	return nil
}

// RemoveUser removes a user with their PIN and cards.
func RemoveUser(tx *store.Tx, now time.Time, id uint64) error {
	if _, err := User(tx, id); err != nil {
		return err
	}
	if _, err := removeCredentials(tx, now, id, func(*store.Credential) bool { return true }); err != nil {
		return err
	}
	return tx.RemoveUser(id)
}

// SuspendUser has readers forget the credentials of a user, who keeps them, or have them again if
// all readers understand them. changed says that it was not so before.
func SuspendUser(tx *store.Tx, now time.Time, id uint64, suspended bool) (changed bool, err error) {
	u, err := User(tx, id)
	if err != nil || u.Suspended == suspended {
		return false, err
	}
	u.Suspended = suspended
	return true, SetUser(tx, now, u)
}

// SetUser updates a user. If that ends a suspension, all readers must understand the credentials.
func SetUser(tx *store.Tx, now time.Time, u *store.User) error {
	was, err := tx.User(u.ID)
	if err != nil {
		return err
	}
	return SetUsers(tx, now, []*store.User{was}, []*store.User{u})
}

// User returns a user; the error says so if there is none.
func User(tx *store.Tx, id uint64) (*store.User, error) {
	u, err := tx.User(id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, absent(fmt.Sprintf("there is no user %d; latchkey-controller user list shows all of them", id))
	}
	return u, err
}

// usersByID returns all users.
func usersByID(tx *store.Tx) (map[uint64]*store.User, error) {
	users, err := tx.Users()
	byID := make(map[uint64]*store.User, len(users))
	for _, u := range users {
		byID[u.ID] = u
	}
	return byID, err
}

// FindUser returns the user with a number, or with a name that only one user has.
func FindUser(tx *store.Tx, who string) (*store.User, error) {
	if id, err := strconv.ParseUint(who, 10, 63); err == nil {
		return User(tx, id)
	}
	named, err := tx.UsersNamed(who)
	switch {
	case err != nil:
		return nil, err
	case len(named) == 0:
		return nil, absent(fmt.Sprintf("there is no user %q; latchkey-controller user list shows all of them", who))
	case len(named) > 1:
		ids := make([]string, len(named))
		for i, u := range named {
			ids[i] = strconv.FormatUint(u.ID, 10)
		}
		return nil, fmt.Errorf("%d users are called %q; give the number of the one you mean: %s", len(named), who, strings.Join(ids, ", "))
	}
	return named[0], nil
}

// absent is an error that says what does not exist. It matches store.ErrNotFound.
type absent string

func (a absent) Error() string { return string(a) }

func (a absent) Is(target error) bool { return target == store.ErrNotFound }
