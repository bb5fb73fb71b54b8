package store

import (
	"bytes"
	"cmp"
	"errors"
	"slices"

	"latchkey/sync/wire"
)

// ErrTagTaken says that a credential with this tag already exists.
var ErrTagTaken = errors.New("the tag is taken")

// A User is a person, with the data that all of their credentials carry.
type User struct {
	ID       uint64
	Name     string   // first and last name, as readers greet
	First    string   //
	Last     string   //
	Groups   []string // sorted, besides wire.Everyone
	From     int64    // Unix seconds; 0: no beginning
	Until    int64    // Unix seconds; 0: no end
	Extended bool     // doors open for their extended time
	Created  int64    // Unix seconds

	Email     string
	Employee  string // number of an employee, as their employer writes it
	Suspended bool   // readers have none of their credentials
}

// A Credential is a PIN or a card of a user.
type Credential struct {
	ID       uint64
	User     uint64
	Kind     wire.CredentialKind
	Tag      wire.Tag
	Material []byte // sealed
	Created  int64  // Unix seconds
	By       string // who assigned it; "": not known
	Exposed  bool   // a lost reader may have disclosed it

	// Of a PIN.
	Duress    bool   // it is an alarm as well
	Uses      uint8  // how often it may be used; 0: no limit
	Within    uint32 // seconds from its first use in which it may be used; 0: no limit
	FirstUsed int64  // of one with limits, Unix seconds; 0: not yet

	// Of a card that proves itself.
	Chip       wire.CardChip // 0: it can be copied
	Generation uint8         // of its keys
	CardKey    []byte        // wrapped, as readers get it
}

// Wire returns a credential of the user as readers get it, or would if the user were not
// suspended.
func (u *User) Wire(c *Credential) wire.Credential {
	// Times stored before there was a bound are clipped to it.
	from, until := min(u.From, wire.MaxTime-1), earlier(min(u.Until, wire.MaxTime), c.Ends())
	if until != 0 {
		from = min(from, until-1) // the user's dates may have been moved since the first use
	}
	sent := wire.Credential{
		ID: c.ID, Kind: c.Kind, User: u.ID, Name: u.Name, Groups: u.Groups, From: from, Until: until, Extended: u.Extended,
		CardKey: c.CardKey, Duress: c.Duress, Uses: c.Uses, Within: c.Within,
	}
	if sent.Limited() {
		sent.Made = c.Made()
	}
	return sent
}

// change returns the change after which readers have a credential of the user, or, of one who is
// suspended, do not.
func (u *User) change(c *Credential) wire.Change {
	change := wire.Change{Tag: c.Tag}
	if !u.Suspended {
		sent := u.Wire(c)
		change.Credential = &sent
	}
	return change
}

// Limited says whether the credential is a PIN with limits.
func (c *Credential) Limited() bool { return c.Uses != 0 || c.Within != 0 }

// Made returns when the credential was made as readers get it, in Unix seconds.
func (c *Credential) Made() int64 { return min(max(c.Created, 1), wire.MaxTime) }

// AddUser adds a user and fills in its ID, which is never reused.
func (t *Tx) AddUser(u *User) error {
	w := &UserWrite{User: u}
	if err := Prepare([]*UserWrite{w}); err != nil {
		return err
	}
	return t.insertUsers([]*UserWrite{w})
}

// SetUser updates a user, and appends to the log what changes for their credentials.
func (t *Tx) SetUser(now int64, u *User) error {
	before, err := t.User(u.ID)
	if err != nil {
		return err
	}
	writes := []*UserWrite{{User: u, Was: before}}
	if err := Prepare(writes); err != nil {
		return err
	}
	return t.WriteUsers(now, writes)
}

// appendIfChanged appends a change to the log if it is not the last one of its credential.
func (t *Tx) appendIfChanged(now int64, last, change wire.Change) error {
	head, err := t.Head()
	if err != nil {
		return err
	}
	return t.appendChangedAt(&head, now, last, change)
}

// appendChangedAt is appendIfChanged at the log's head.
func (t *Tx) appendChangedAt(head *Head, now int64, last, change wire.Change) error {
	if !differs(last, change) {
		return nil
	}
	return t.appendAt(head, now, change)
}

// differs says whether readers have something else after a change than after the last one.
func differs(last, change wire.Change) bool {
	return !bytes.Equal(wire.Marshal(last.Credential), wire.Marshal(change.Credential))
}

// RemoveUser removes a user, who must have no credentials.
func (t *Tx) RemoveUser(id uint64) error {
	return t.exec(`DELETE FROM users WHERE id = ?`, id)
}

// Users returns all users by id.
func (t *Tx) Users() ([]*User, error) { return t.users(`TRUE`) }

// User returns one user, or ErrNotFound.
func (t *Tx) User(id uint64) (*User, error) {
	users, err := t.users(`id = ?`, id)
	if err != nil {
		return nil, err
	}
	if len(users) == 0 {
		return nil, ErrNotFound
	}
	return users[0], nil
}

// UsersNamed returns the users with a name.
func (t *Tx) UsersNamed(name string) ([]*User, error) { return t.users(`name = ?`, name) }

func (t *Tx) users(where string, args ...any) ([]*User, error) {
	var users []*User
	err := t.rows(`SELECT id, name, first, last, valid_from, valid_until, extended, created, email, employee, suspended FROM users WHERE `+where+` ORDER BY id`, args, func(r scanner) error {
		var u User
		users = append(users, &u)
		return r.Scan(&u.ID, &u.Name, &u.First, &u.Last, &u.From, &u.Until, &u.Extended, &u.Created, &u.Email, &u.Employee, &u.Suspended)
	})
	if err != nil {
		return nil, err
	}
	err = t.rows(`SELECT user_id, name FROM user_groups WHERE user_id IN (SELECT id FROM users WHERE `+where+`) ORDER BY user_id, name`, args, func(r scanner) error {
		var id uint64
		var group string
		if err := r.Scan(&id, &group); err != nil {
			return err
		}
		i, _ := slices.BinarySearchFunc(users, id, func(u *User, id uint64) int { return cmp.Compare(u.ID, id) })
		users[i].Groups = append(users[i].Groups, group)
		return nil
	})
	return users, err
}

// Taken says whether a PIN or card with this tag is assigned.
func (t *Tx) Taken(tag wire.Tag) (taken bool, err error) {
	err = t.row(`SELECT EXISTS (SELECT 1 FROM credentials WHERE tag = ?)`, []any{tag[:]}, &taken)
	return taken, err
}

// AddCredential gives a user a credential and appends the change to the log. It fills
// in the ID, unless it was reserved; it is never reused; and Material with what seal returns for it. The
// error is ErrTagTaken if the PIN or card is already assigned.
func (t *Tx) AddCredential(now int64, u *User, c *Credential, seal func(id uint64) []byte) error {
	if taken, err := t.Taken(c.Tag); err != nil {
		return err
	} else if taken {
		return ErrTagTaken
	}
	if c.ID == 0 {
		id, err := t.ReserveCredentials(1)
		if err != nil {
			return err
		}
		c.ID = id
	}
	c.User, c.Created, c.Material = u.ID, now, seal(c.ID)
	if err := t.insertCredentials([]*Credential{c}); err != nil {
		return err
	}
	if err := t.exec(`UPDATE users SET credentials = credentials + 1 WHERE id = ?`, c.User); err != nil {
		return err
	}
	return t.appendIfChanged(now, wire.Change{}, u.change(c))
}

// RemoveCredential removes a credential and appends the change to the log.
func (t *Tx) RemoveCredential(now int64, c *Credential) error {
	if err := t.exec(`DELETE FROM credentials WHERE id = ?`, c.ID); err != nil {
		return err
	}
	var suspended bool
	if err := t.row(`UPDATE users SET credentials = credentials - 1 WHERE id = ? RETURNING suspended`, []any{c.User}, &suspended); err != nil || suspended {
		return err
	}
	return t.appendChange(now, wire.Change{Tag: c.Tag})
}

// Credentials returns all credentials by id.
func (t *Tx) Credentials() ([]*Credential, error) { return t.credentials(`TRUE`) }

// CredentialsOf returns a user's credentials by id.
func (t *Tx) CredentialsOf(user uint64) ([]*Credential, error) {
	return t.credentials(`user_id = ?`, user)
}

func (t *Tx) credentials(where string, args ...any) ([]*Credential, error) {
	var credentials []*Credential
	err := t.rows(`SELECT id, user_id, kind, tag, material, created, given_by, exposed, chip, generation, card_key, duress, uses, within, first_used FROM credentials WHERE `+where+` ORDER BY id`, args, func(r scanner) error {
		var c Credential
		credentials = append(credentials, &c)
		return r.Scan(&c.ID, &c.User, &c.Kind, fixed(c.Tag[:]), &c.Material, &c.Created, &c.By, &c.Exposed, &c.Chip, &c.Generation, &c.CardKey, &c.Duress, &c.Uses, &c.Within, &c.FirstUsed)
	})
	return credentials, err
}

// Credential returns the credential with an id, or ErrNotFound.
func (t *Tx) Credential(id uint64) (*Credential, error) { return t.credential(`id = ?`, id) }

// CredentialTagged returns the credential with a tag, or ErrNotFound.
func (t *Tx) CredentialTagged(tag wire.Tag) (*Credential, error) {
	return t.credential(`tag = ?`, tag[:])
}

func (t *Tx) credential(where string, arg any) (*Credential, error) {
	credentials, err := t.credentials(where, arg)
	if err != nil {
		return nil, err
	}
	if len(credentials) == 0 {
		return nil, ErrNotFound
	}
	return credentials[0], nil
}

// ExposeCredentials marks all credentials as possibly disclosed by a lost reader.
func (t *Tx) ExposeCredentials() error { return t.exec(`UPDATE credentials SET exposed = 1`) }

// AnyExposed says whether there are credentials that a lost reader may have disclosed.
func (t *Tx) AnyExposed() (any bool, err error) {
	return any, t.row(`SELECT EXISTS (SELECT 1 FROM credentials WHERE exposed <> 0)`, nil, &any)
}
