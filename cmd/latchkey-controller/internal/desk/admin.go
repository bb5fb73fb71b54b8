package desk

import (
	"context"
	"time"
)

// An Admin is an administrator.
type Admin struct {
	ID       int64
	Name     string
	Role     Role
	Password bool // has set one; otherwise a link waits to be used
	Created  time.Time
	Seen     time.Time // zero: never signed in
	Sessions int       // open ones
}

// Admins returns all administrators, by name.
func (d *Desk) Admins(ctx context.Context, a Actor) ([]*Admin, error) { return nil, errUnwritten }

// AddAdmin adds an administrator and returns the token of the one-time link
// with which they set their password. Fields: "name", "role".
func (d *Desk) AddAdmin(ctx context.Context, a Actor, name string, role Role) (id int64, token string, err error) {
	return 0, "", errUnwritten
}

// SetRole gives an administrator another role. There stays one Owner at least.
// Field: "role".
func (d *Desk) SetRole(ctx context.Context, a Actor, id int64, role Role) error { return errUnwritten }

// RemoveAdmin removes an administrator and ends their sessions.
func (d *Desk) RemoveAdmin(ctx context.Context, a Actor, id int64) error { return errUnwritten }

// NewLink returns the token of a new one-time link with which an administrator
// sets a new password; the old one goes on until then.
func (d *Desk) NewLink(ctx context.Context, a Actor, id int64) (token string, err error) {
	return "", errUnwritten
}
