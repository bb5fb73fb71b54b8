package store

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"latchkey/device/durable"
)

// A Move is what MoveTo does.
type Move struct {
	Dir    string // the site's directory, whose address the store was opened with
	To     string // address of the new database; "": SQLite's, in Dir
	At     time.Time
	First  func(*Tx) error                      // writes before anything is copied
	Copied func(table string, rows int64) error // is called after each table; may be nil
}

// A Moved says what a move has done.
type Moved struct {
	From   string `json:"from"` // where the databases are
	To     string `json:"to"`
	Tables int    `json:"tables"` // how many were compared, and
	Rows   int64  `json:"rows"`   // with how many rows
	Delete string `json:"delete"` // a command that deletes the old database
}

// MoveTo moves the site to another database. No controller may work with either database, and nothing else writes
// meanwhile.
//
// The move is whole with one commit, in the old database: until then the site is there, from then on
// in the new one, also if the program is killed. Then the directory is told; if it is not, the next
// Open does it. A move that was interrupted before is taken up by the next one to the same database.
// The old database stays, with a signpost by which it is opened no more. The store must be closed then.
func (s *Store) MoveTo(ctx context.Context, m Move) (*Moved, error) {
	dir, address := m.Dir, m.To
	release, err := s.Alone(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	from, err := Address(dir)
	if err != nil {
		return nil, err
	}
	if from == address {
		return nil, fmt.Errorf("the site is in %s already", s.Place())
	}
	if address == "" {
		if err := touch(filepath.Join(dir, File)); err != nil {
			return nil, err
		}
	}
	e, err := connect(dir, address)
	if err != nil {
		return nil, err
	}
	to := &Store{engine: e}
	defer to.Close()
	if release, err = to.Alone(ctx); err != nil {
		return nil, err
	}
	defer release()
	moved := &Moved{From: s.Place(), To: to.Place(), Delete: s.engine.deletion()}
	var left *signpost
	err = s.Update(ctx, func(t *Tx) error {
		row, err := t.Site()
		if err == nil {
			err = t.engine.stay(t)
		}
		if err != nil {
			return err
		}
		arriving := &signpost{version: arrivingVersion, site: hex.EncodeToString(row.ID[:]), name: row.Name, address: from, at: m.At.Unix()}
		if err := t.row(t.engine.versionQuery(), nil, &arriving.schema); err != nil {
			return err
		}
		if arriving.schema >= arrivingVersion {
			return errUnderway
		}
		if err := t.exact(); err != nil {
			return err
		}
		if err := to.prepareArrival(ctx, arriving); err != nil {
			return err
		}
		if err := m.First(t); err != nil {
			return err
		}
		if moved.Tables, moved.Rows, err = copyTables(ctx, t, to, m.Copied); err != nil {
			return err
		}
		if err := durable.WriteFile(filepath.Join(dir, nextFile), []byte(orSQLite(address)+"\n"), 0o600); err != nil {
			return err
		}
		left = &signpost{version: leftVersion, schema: arriving.schema, site: arriving.site, name: arriving.name, address: address, at: m.At.Unix()}
		return left.set(t)
	})
	if err != nil {
		return nil, err
	}
	return moved, switchTo(context.WithoutCancel(ctx), dir, left)
}

// prepareArrival readies a database for a site that is moved there: it must be empty, or hold an
// unfinished move of the same site.
func (s *Store) prepareArrival(ctx context.Context, arriving *signpost) error {
	err := s.engine.ready(ctx, true)
	if errors.Is(err, errUnderway) {
		m, err := readSignpost(ctx, s.engine)
		switch {
		case err != nil:
			return err
		case m == nil:
			return fmt.Errorf("%s is in use", s.Place())
		case m.version == leftVersion:
			return fmt.Errorf("%s still holds what the site %s left there on %s; if that is no longer needed, delete it", s.Place(), m.name, time.Unix(m.at, 0).Format(time.DateOnly))
		case m.site != arriving.site:
			return m.refusal(s.Place())
		case m.schema != arriving.schema:
			return fmt.Errorf("%s holds a part of the site that another version of this program moved there; delete that database, and begin again with an empty one", s.Place())
		}
		return nil
	}
	if err != nil {
		return err
	}
	return s.Update(ctx, func(t *Tx) error {
		if site, err := t.Site(); err == nil {
			return fmt.Errorf("%s holds the site %s already; a site is moved to an empty database", s.Place(), site.Name)
		} else if !errors.Is(err, ErrNotFound) {
			return err
		}
		if err := t.exact(); err != nil {
			return fmt.Errorf("%s: %w", s.Place(), err)
		}
		return arriving.set(t)
	})
}

// copyTables copies all tables, as a transaction sees them, to a database with the same schema, and
// compares them then. A table that is there already, and the same, is left alone.
func copyTables(ctx context.Context, from *Tx, to *Store, copied func(string, int64) error) (tables int, rows int64, err error) {
	all, err := from.engine.tables(from)
	if err != nil {
		return 0, 0, err
	}
	var others []table
	if err := to.View(ctx, func(t *Tx) (err error) { others, err = to.engine.tables(t); return err }); err != nil {
		return 0, 0, err
	}
	if err := sameTables(all, others); err != nil {
		return 0, 0, err
	}
	for _, one := range parentsFirst(others) {
		n, err := copyTable(ctx, from, to, one)
		if err != nil {
			return 0, 0, fmt.Errorf("table %s: %w", one.name, err)
		}
		rows += n
		if copied != nil {
			if err := copied(one.name, n); err != nil {
				return 0, 0, err
			}
		}
	}
	return len(all), rows, to.View(ctx, to.engine.sound)
}

func copyTable(ctx context.Context, from *Tx, to *Store, one table) (rows int64, err error) {
	var there *sum
	compare := func(t *Tx) (err error) { there, err = t.sum(one); return err }
	if err := to.View(ctx, compare); err != nil {
		return 0, err
	}
	var here *sum
	filled := 0 // 1: there are rows to copy
	if err := from.rowIfAny(`SELECT 1 FROM `+quoted(one.name)+` LIMIT 1`, nil, &filled); err != nil {
		return 0, err
	}
	if there.rows > 0 || filled == 0 {
		if here, err = from.sum(one); err != nil {
			return 0, err
		}
	}
	if here == nil || !bytes.Equal(here.hash, there.hash) {
		r, err := from.read(one)
		if err != nil {
			return 0, err
		}
		defer r.close()
		if err := to.engine.replace(ctx, one, r); err != nil {
			return 0, to.engine.failure(err)
		}
		if here, err = r.end(); err != nil {
			return 0, err
		}
		if err := to.View(ctx, compare); err != nil {
			return 0, err
		}
	}
	if here.rows != there.rows || !bytes.Equal(here.hash, there.hash) {
		return 0, fmt.Errorf("its %d rows arrived as %d others: a fault of a disk, or of this program", here.rows, there.rows)
	}
	return here.rows, copyCount(ctx, from, to, one)
}

// copyCount has a table go on with the ids that it assigns where the other would.
func copyCount(ctx context.Context, from *Tx, to *Store, one table) error {
	if one.counted == "" {
		return nil
	}
	here, err := from.engine.count(from, one)
	if err != nil {
		return err
	}
	return to.Update(ctx, func(t *Tx) error {
		if err := t.engine.setCount(t, one, here); err != nil {
			return err
		}
		there, err := t.engine.count(t, one)
		if err == nil && there != here {
			err = fmt.Errorf("its last id arrived as %d instead of %d", there, here)
		}
		return err
	})
}
