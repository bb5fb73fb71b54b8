package store

import "errors"

// A BrokerClient is a program that the site's broker lets in besides readers.
type BrokerClient struct {
	Name        string
	Certificate []byte // DER
	Serial      string // the certificate's, hexadecimal
	Created     int64  // Unix seconds
}

// AddBrokerClient adds one. The error is ErrNameTaken if there is one of the same name.
func (t *Tx) AddBrokerClient(i *BrokerClient) error {
	var id int64
	err := t.row(`INSERT INTO broker_clients (name, certificate, serial, created, revoked) VALUES (?, ?, ?, ?, 0) ON CONFLICT (name) WHERE revoked = 0 DO NOTHING RETURNING id`,
		[]any{i.Name, i.Certificate, i.Serial, i.Created}, &id)
	if errors.Is(err, ErrNotFound) {
		return ErrNameTaken
	}
	return err
}

// BrokerClients returns those in force, by name.
func (t *Tx) BrokerClients() ([]*BrokerClient, error) {
	var all []*BrokerClient
	err := t.rows(`SELECT name, certificate, serial, created FROM broker_clients WHERE revoked = 0 ORDER BY name`, nil, func(r scanner) error {
		var i BrokerClient
		all = append(all, &i)
		return r.Scan(&i.Name, &i.Certificate, &i.Serial, &i.Created)
	})
	return all, err
}

// RevokeBrokerClient revokes one by its name, or returns ErrNotFound.
func (t *Tx) RevokeBrokerClient(now int64, name string) error {
	var id int64
	return t.row(`UPDATE broker_clients SET revoked = ? WHERE revoked = 0 AND name = ? RETURNING id`, []any{now, name}, &id)
}
