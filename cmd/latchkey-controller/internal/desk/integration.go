package desk

import (
	"context"
	"errors"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// An Integration is a program, like Home Assistant, that the site's own broker lets in with a
// certificate. It is shown the readers, and may ask for doors to be opened if the controller
// takes commands.
type Integration struct {
	Name  string
	Added time.Time
}

// MaxIntegrations bounds how many a site has: each may have a connection to the broker.
const MaxIntegrations = 4

// Integrations returns all integrations, by name.
func (d *Desk) Integrations(ctx context.Context, a Actor) (all []*Integration, err error) {
	err = d.view(ctx, a, ViewIntegrations, func(tx *store.Tx) error {
		rows, err := tx.Integrations()
		for _, row := range rows {
			all = append(all, &Integration{row.Name, moment(row.Created)})
		}
		return err
	})
	return all, err
}

// AddIntegration adds an integration. save gets its key and certificate, PEM, of which the site
// keeps only the certificate; if it fails, nothing is added. Field: "name".
func (d *Desk) AddIntegration(ctx context.Context, a Actor, name string, save func(key, certificate []byte) error) error {
	target := &auditTarget{subject: cut(name, wire.MaxName)}
	return d.act(ctx, a, AddIntegration, target, func(tx *store.Tx, now time.Time) error {
		if err := wire.CheckName(name); err != nil { // it stands in the broker's access list
			return wrongField("name", err)
		}
		before, err := tx.Integrations()
		if err != nil {
			return err
		}
		if len(before) >= MaxIntegrations {
			return wrong("name", "A site has at most %d integrations: remove those that nobody uses", MaxIntegrations)
		}
		key, certificate, err := d.site.NewIntegration(tx, now, name)
		if errors.Is(err, store.ErrNameTaken) {
			return wrong("name", "Another integration has this name; choose a different one, or remove that one first")
		}
		if err != nil {
			return err
		}
		defer clear(key)
		target.text = "as " + site.IntegrationCommonName(name)
		return save(key, certificate)
	})
}

// RemoveIntegration revokes an integration's certificate: the controller's own broker closes
// its connection. The error is ErrNotFound if there is none of this name.
func (d *Desk) RemoveIntegration(ctx context.Context, a Actor, name string) error {
	return d.act(ctx, a, RemoveIntegration, &auditTarget{subject: cut(name, wire.MaxName)}, func(tx *store.Tx, now time.Time) error {
		return tx.RevokeIntegration(now.Unix(), name)
	})
}
