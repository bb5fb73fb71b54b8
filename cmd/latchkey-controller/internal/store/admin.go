package store

import "errors"

// An Admin is an administrator.
type Admin struct {
	ID       int64
	Name     string
	Role     string
	Password []byte // sealed verifier; empty: none yet
	Created  int64  // Unix seconds
	Seen     int64  // Unix seconds; 0: never signed in

	// Generation changes whenever all sessions, or all but one, are ended: by a new
	// password, a one-time link or an administrator.
	Generation int64

	Issuer string // where they sign in; "": here

	Limited bool // they act at the locations of AdminLocations only
}

// ErrNameTaken says that the name is already in use.
var ErrNameTaken = errors.New("the name is taken")

// AddAdmin adds an administrator and fills in the ID. The error is ErrNameTaken if
// another has the same name, ignoring case and accents.
func (t *Tx) AddAdmin(a *Admin) error {
	err := t.row(`INSERT INTO admins (name, folded, role, password, created, seen) VALUES (?, ?, ?, ?, ?, 0) ON CONFLICT (folded) DO NOTHING RETURNING id`,
		[]any{a.Name, Fold(a.Name), a.Role, []byte{}, a.Created}, &a.ID)
	if errors.Is(err, ErrNotFound) {
		return ErrNameTaken
	}
	return err
}

const adminColumns = `id, name, role, password, created, seen, generation, issuer, limited`

func (a *Admin) into() []any {
	return []any{&a.ID, &a.Name, &a.Role, &a.Password, &a.Created, &a.Seen, &a.Generation, &a.Issuer, &a.Limited}
}

// Admins returns all administrators, by name.
func (t *Tx) Admins() (admins []*Admin, err error) {
	err = t.rows(`SELECT `+adminColumns+` FROM admins ORDER BY folded`, nil, func(r scanner) error {
		var a Admin
		admins = append(admins, &a)
		return r.Scan(a.into()...)
	})
	return admins, err
}

// Admin returns an administrator, or ErrNotFound.
func (t *Tx) Admin(id int64) (*Admin, error) {
	var a Admin
	return &a, t.row(`SELECT `+adminColumns+` FROM admins WHERE id = ?`, []any{id}, a.into()...)
}

// AdminNamed returns the administrator with a name, ignoring case and accents, or
// ErrNotFound.
func (t *Tx) AdminNamed(name string) (*Admin, error) {
	var a Admin
	return &a, t.row(`SELECT `+adminColumns+` FROM admins WHERE folded = ?`, []any{Fold(name)}, a.into()...)
}

// CountRole returns how many administrators have a role.
func (t *Tx) CountRole(role string) (n int, err error) {
	err = t.row(`SELECT count(*) FROM admins WHERE role = ?`, []any{role}, &n)
	return n, err
}

// SetRole gives an administrator a role.
func (t *Tx) SetRole(id int64, role string) error {
	return t.exec(`UPDATE admins SET role = ? WHERE id = ?`, role, id)
}

// AdminLocations returns the ids of the locations at which an administrator who is limited acts.
func (t *Tx) AdminLocations(id int64) (locations []int64, err error) {
	err = t.rows(`SELECT location_id FROM admin_locations WHERE admin_id = ? ORDER BY location_id`, []any{id}, func(r scanner) error {
		var location int64
		err := r.Scan(&location)
		locations = append(locations, location)
		return err
	})
	return locations, err
}

// LimitAdmin has an administrator act at some locations only, or everywhere.
func (t *Tx) LimitAdmin(id int64, limited bool, locations []int64) error {
	if err := errors.Join(t.exec(`UPDATE admins SET limited = ? WHERE id = ?`, limited, id), t.exec(`DELETE FROM admin_locations WHERE admin_id = ?`, id)); err != nil {
		return err
	}
	for _, location := range locations {
		if err := t.exec(`INSERT INTO admin_locations (admin_id, location_id) VALUES (?, ?)`, id, location); err != nil {
			return err
		}
	}
	return nil
}

// SetPassword sets an administrator's sealed password verifier.
func (t *Tx) SetPassword(id int64, sealed []byte) error {
	return t.exec(`UPDATE admins SET password = ? WHERE id = ?`, sealed, id)
}

// RemoveAdmin removes an administrator with their sessions and one-time links.
func (t *Tx) RemoveAdmin(id int64) error { return t.exec(`DELETE FROM admins WHERE id = ?`, id) }
