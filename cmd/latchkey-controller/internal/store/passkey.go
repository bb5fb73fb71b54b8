package store

import (
	"errors"
	"strings"
)

// A Passkey is a credential with which an administrator signs in (Web Authentication).
type Passkey struct {
	ID         int64
	Admin      int64
	Credential []byte // its id, as the browser knows it
	Key        []byte // the public one (COSE)
	Count      uint32 // of signatures, as it says; 0: it does not count
	Transports []string
	AAGUID     []byte // model of the authenticator
	Eligible   bool   // it may be copied to other devices
	BackedUp   bool   // it has been
	Name       string
	Created    int64 // Unix seconds
	Used       int64 // Unix seconds; 0: never
}

const passkeyColumns = `id, admin_id, credential, key, count, transports, aaguid, eligible, backed_up, name, created, used`

func (p *Passkey) scan(r scanner) error {
	var transports string
	err := r.Scan(&p.ID, &p.Admin, &p.Credential, &p.Key, &p.Count, &transports, &p.AAGUID, &p.Eligible, &p.BackedUp, &p.Name, &p.Created, &p.Used)
	p.Transports = strings.Fields(transports)
	return err
}

// AddPasskey adds a passkey and fills in the ID. The error is ErrNameTaken if its
// credential is somebody's.
func (t *Tx) AddPasskey(p *Passkey) error {
	err := t.row(`INSERT INTO passkeys (admin_id, credential, key, count, transports, aaguid, eligible, backed_up, name, created, used) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)
		ON CONFLICT (credential) DO NOTHING RETURNING id`,
		[]any{p.Admin, p.Credential, p.Key, p.Count, strings.Join(p.Transports, " "), p.AAGUID, p.Eligible, p.BackedUp, p.Name, p.Created}, &p.ID)
	if errors.Is(err, ErrNotFound) {
		return ErrNameTaken
	}
	return err
}

// Passkeys returns an administrator's passkeys, the oldest first.
func (t *Tx) Passkeys(admin int64) ([]*Passkey, error) {
	return t.passkeys(`admin_id = ? ORDER BY id`, admin)
}

// PasskeyOf returns the passkey with a credential's id, or ErrNotFound.
func (t *Tx) PasskeyOf(credential []byte) (*Passkey, error) {
	all, err := t.passkeys(`credential = ?`, credential)
	if err == nil && len(all) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

func (t *Tx) passkeys(where string, args ...any) (all []*Passkey, err error) {
	err = t.rows(`SELECT `+passkeyColumns+` FROM passkeys WHERE `+where, args, func(r scanner) error {
		p := new(Passkey)
		all = append(all, p)
		return p.scan(r)
	})
	return all, err
}

// CountPasskeys counts an administrator's passkeys; of 0, everybody's.
func (t *Tx) CountPasskeys(admin int64) (n int, err error) {
	err = t.row(`SELECT count(*) FROM passkeys WHERE admin_id = ?1 OR ?1 = 0`, []any{admin}, &n)
	return n, err
}

// TouchPasskey stores what a passkey said of itself, and when.
func (t *Tx) TouchPasskey(p *Passkey) error {
	return t.exec(`UPDATE passkeys SET count = ?, backed_up = ?, used = ? WHERE id = ?`, p.Count, p.BackedUp, p.Used, p.ID)
}

// RenamePasskey gives a passkey another name.
func (t *Tx) RenamePasskey(id int64, name string) error {
	return t.exec(`UPDATE passkeys SET name = ? WHERE id = ?`, name, id)
}

// RemovePasskey removes a passkey.
func (t *Tx) RemovePasskey(id int64) error { return t.exec(`DELETE FROM passkeys WHERE id = ?`, id) }

// A SignIn says how administrators sign in.
type SignIn struct {
	Host         string   // of the console, for which the passkeys were made; "": there has been none
	PasskeyRoles []string // that need one
	Revision     int64    // how often the roles were changed
}

// SignIn returns how administrators sign in.
func (t *Tx) SignIn() (*SignIn, error) {
	var s SignIn
	var roles string
	err := t.rowIfAny(`SELECT host, passkey_roles, revision FROM sign_in`, nil, &s.Host, &roles, &s.Revision)
	s.PasskeyRoles = strings.Fields(roles)
	return &s, err
}

// SetSignIn replaces how administrators sign in.
func (t *Tx) SetSignIn(s *SignIn) error {
	return t.exec(`INSERT INTO sign_in (one, host, passkey_roles, revision) VALUES (1, ?, ?, ?)
		ON CONFLICT (one) DO UPDATE SET host = excluded.host, passkey_roles = excluded.passkey_roles, revision = excluded.revision`,
		s.Host, strings.Join(s.PasskeyRoles, " "), s.Revision)
}
