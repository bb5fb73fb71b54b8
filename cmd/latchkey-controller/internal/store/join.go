package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// SiteAt returns the site that a database of a PostgreSQL server holds, and where that is, for people. It changes
// nothing: a database with whose tables this program does not work is refused.
func SiteAt(ctx context.Context, address string) (row *Site, place string, err error) {
	e, err := connectPostgres(address)
	if err != nil {
		return nil, "", err
	}
	s := &Store{engine: e}
	defer s.Close()
	if err := e.asItIs(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, "", ctx.Err()
		}
		return nil, "", e.refusal(err)
	}
	m, err := readSignpost(ctx, e)
	if err != nil {
		return nil, "", err
	}
	if err := m.refusal(e.place()); err != nil {
		return nil, "", err
	}
	err = s.View(ctx, func(t *Tx) error {
		row, err = t.Site()
		return err
	})
	if errors.Is(err, ErrNotFound) {
		err = e.refusal(errNoSite)
	}
	return row, e.place(), err
}

// asItIs refuses a database that is empty, or whose schema does not work with this program.
func (e *postgresEngine) asItIs(ctx context.Context) error {
	if err := e.checkServer(ctx); err != nil {
		return err
	}
	tx, err := e.beginTx(ctx, &sql.TxOptions{ReadOnly: true}, "")
	if err != nil {
		return err
	}
	defer tx.Rollback()
	at, worksWith, err := e.version(ctx, tx)
	switch newest := e.newest(); {
	case err != nil:
		return err
	case at == 0:
		return errNoSite
	case at < newest:
		return fmt.Errorf("its schema is version %d, of an older latchkey-controller; this one works with %d. Install the same one on both machines", at, newest)
	case worksWith > newest && at < arrivingVersion:
		return newerSchema(at, newest)
	}
	return nil
}

// PointTo writes, durably, into a directory that its database is at an address.
func PointTo(dir, address string) error { return writeAddress(dir, address) }
