package site

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A User is a user with their credentials, in the order of their ids.
type User struct {
	store.User
	Credentials []*store.Credential
}

// Count returns how many credentials of a kind the user has.
func (u *User) Count(kind wire.CredentialKind) int {
	n := 0
	for _, c := range u.Credentials {
		if c.Kind == kind {
			n++
		}
	}
	return n
}

// AddUser adds a user with a PIN, unless the choice is none, and cards. It
// fills in the user's ID and sorts the groups, and returns the PIN's digits if
// it was to choose them.
func (s *Site) AddUser(ctx context.Context, now time.Time, u *store.User, choice PIN, cards [][]byte) (digits []byte, err error) {
	u.Created = now.Unix()
	if err := tidyUser(u); err != nil {
		return nil, err
	}
	return s.withPIN(ctx, choice, func(tx *store.Tx, k *keyed, m *material) error {
		if err := tx.AddUser(u); err != nil {
			return err
		}
		if m != nil {
			if err := s.give(tx, k, now, u, wire.PIN, m.bytes); err != nil {
				return err
			}
		}
		for _, uid := range cards {
			if err := s.give(tx, k, now, u, wire.Card, uid); err != nil {
				return err
			}
		}
		return nil
	})
}

// EditUser changes a user to what edit makes of them, and with that what
// readers hold of their credentials.
func (s *Site) EditUser(ctx context.Context, now time.Time, id uint64, edit func(*store.User)) error {
	return s.Update(ctx, func(tx *store.Tx) error {
		u, err := user(tx, id)
		if err != nil {
			return err
		}
		edit(u)
		u.ID = id
		if err := tidyUser(u); err != nil {
			return err
		}
		return tx.SetUser(now.Unix(), u)
	})
}

// tidyUser makes the whole name of first and last, or these of the whole one,
// puts the groups in order, and refuses a user whose credentials readers would
// refuse.
func tidyUser(u *store.User) error {
	if u.First != "" || u.Last != "" {
		u.Name = strings.TrimSpace(u.First + " " + u.Last)
	}
	u.SplitName()
	slices.Sort(u.Groups)
	u.Groups = slices.Compact(u.Groups)
	u.Groups = slices.DeleteFunc(u.Groups, func(group string) bool { return group == wire.Everyone })
	if strings.TrimSpace(u.Name) == "" {
		return errors.New("a user needs a name")
	}
	if u.Until != 0 && u.Until <= u.From {
		return errors.New("the user's time ends before it begins")
	}
	if lastDay := int64(wire.MaxTime + 1 - 24*60*60); u.From >= lastDay || u.Until >= lastDay {
		return errors.New("the user's time is not before 31 December 9999: leave the end out for ever")
	}
	probe := u.Wire(&store.Credential{ID: 1, Kind: wire.PIN})
	probe.User = 1
	return probe.Check()
}

// RemoveUser removes a user and takes their PIN and cards away.
func (s *Site) RemoveUser(ctx context.Context, now time.Time, id uint64) error {
	return s.Update(ctx, func(tx *store.Tx) error {
		if _, err := user(tx, id); err != nil {
			return err
		}
		if _, err := take(tx, now, id, func(*store.Credential) bool { return true }); err != nil {
			return err
		}
		return tx.RemoveUser(id)
	})
}

// Users returns all users with their credentials, in the order of their ids.
func (s *Site) Users(ctx context.Context) (users []*User, err error) {
	err = s.store.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Users()
		if err != nil {
			return err
		}
		byID := make(map[uint64]*User, len(rows))
		for _, row := range rows {
			u := &User{User: *row}
			users, byID[row.ID] = append(users, u), u
		}
		credentials, err := tx.Credentials()
		for _, c := range credentials {
			u := byID[c.User]
			u.Credentials = append(u.Credentials, c)
		}
		return err
	})
	return users, err
}

// FindUser returns the user that a person means: by number, or by a name that
// only one user has.
func (s *Site) FindUser(ctx context.Context, who string) (found *store.User, err error) {
	err = s.store.View(ctx, func(tx *store.Tx) error {
		if id, err := strconv.ParseUint(who, 10, 63); err == nil {
			found, err = user(tx, id)
			return err
		}
		named, err := tx.UsersNamed(who)
		switch {
		case err != nil:
			return err
		case len(named) == 0:
			return absent(fmt.Sprintf("there is no user %q; latchkey-controller user list shows all of them", who))
		case len(named) > 1:
			ids := make([]string, len(named))
			for i, u := range named {
				ids[i] = strconv.FormatUint(u.ID, 10)
			}
			return fmt.Errorf("%d users are called %q; give the number of the one you mean: %s", len(named), who, strings.Join(ids, ", "))
		}
		found = named[0]
		return nil
	})
	return found, err
}

func user(tx *store.Tx, id uint64) (*store.User, error) {
	u, err := tx.User(id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, absent(fmt.Sprintf("there is no user %d; latchkey-controller user list shows all of them", id))
	}
	return u, err
}
