package store

import "errors"

// An Integration is a program that the site's broker lets in besides readers.
type Integration struct {
	Name        string
	Certificate []byte // DER
	Serial      string // the certificate's, hexadecimal
	Created     int64  // Unix seconds
}

// AddIntegration adds one. The error is ErrNameTaken if there is one of the same name.
func (t *Tx) AddIntegration(i *Integration) error {
	var id int64
	err := t.row(`INSERT INTO integrations (name, certificate, serial, created, revoked) VALUES (?, ?, ?, ?, 0) ON CONFLICT (name) WHERE revoked = 0 DO NOTHING RETURNING id`,
		[]any{i.Name, i.Certificate, i.Serial, i.Created}, &id)
	if errors.Is(err, ErrNotFound) {
		return ErrNameTaken
	}
	return err
}

// Integrations returns those in force, by name.
func (t *Tx) Integrations() ([]*Integration, error) {
	var all []*Integration
	err := t.rows(`SELECT name, certificate, serial, created FROM integrations WHERE revoked = 0 ORDER BY name`, nil, func(r scanner) error {
		var i Integration
		all = append(all, &i)
		return r.Scan(&i.Name, &i.Certificate, &i.Serial, &i.Created)
	})
	return all, err
}

// RevokeIntegration revokes one by its name, or returns ErrNotFound.
func (t *Tx) RevokeIntegration(now int64, name string) error {
	var id int64
	return t.row(`UPDATE integrations SET revoked = ? WHERE revoked = 0 AND name = ? RETURNING id`, []any{now, name}, &id)
}
