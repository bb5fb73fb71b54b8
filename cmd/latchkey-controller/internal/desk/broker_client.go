package desk

import (
	"context"
	"errors"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A BrokerClient is a program, like Home Assistant, that the site's own broker lets in with a
// certificate. It is shown the readers, and may ask for doors to be opened if the controller
// takes commands.
type BrokerClient struct {
	Name  string
	Added time.Time
}

// MaxBrokerClients bounds how many a site has: each may have a connection to the broker.
const MaxBrokerClients = 4

// BrokerClients returns all broker clients, by name.
func (d *Desk) BrokerClients(ctx context.Context, a Actor) (all []*BrokerClient, err error) {
	err = d.view(ctx, a, ViewBrokerClients, func(tx *store.Tx) error {
		rows, err := tx.BrokerClients()
		for _, row := range rows {
			all = append(all, &BrokerClient{row.Name, moment(row.Created)})
		}
		return err
	})
	return all, err
}

// AddBrokerClient adds a broker client. save gets its key and certificate, PEM, of which the site
// keeps only the certificate; if it fails, nothing is added. Field: "name".
func (d *Desk) AddBrokerClient(ctx context.Context, a Actor, name string, save func(key, certificate []byte) error) error {
	target := &auditTarget{subject: cut(name, wire.MaxName)}
	return d.act(ctx, a, AddBrokerClient, target, func(tx *store.Tx, now time.Time) error {
		if err := wire.CheckName(name); err != nil { // it stands in the broker's access list
			return wrongField("name", err)
		}
		before, err := tx.BrokerClients()
		if err != nil {
			return err
		}
		if len(before) >= MaxBrokerClients {
			return wrong("name", "A site has at most %d broker clients: remove those that nobody uses", MaxBrokerClients)
		}
		key, certificate, err := d.site.NewBrokerClient(tx, now, name)
		if errors.Is(err, store.ErrNameTaken) {
			return wrong("name", "Another broker client has this name; choose a different one, or remove that one first")
		}
		if err != nil {
			return err
		}
		defer clear(key)
		target.text = language.Say("as %s¦a user name", site.BrokerClientCommonName(name))
		return save(key, certificate)
	})
}

// RemoveBrokerClient revokes a broker client's certificate: the controller's own broker closes
// its connection. The error is ErrNotFound if there is none of this name.
func (d *Desk) RemoveBrokerClient(ctx context.Context, a Actor, name string) error {
	return d.act(ctx, a, RemoveBrokerClient, &auditTarget{subject: cut(name, wire.MaxName)}, func(tx *store.Tx, now time.Time) error {
		return tx.RevokeBrokerClient(now.Unix(), name)
	})
}
