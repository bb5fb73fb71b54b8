package store

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/store/migrations"
)

func (e *sqliteEngine) deletion() string {
	return fmt.Sprintf("rm %s %s", e.place(), filepath.Join(e.reserve.dir, ReserveFile))
}

func (*sqliteEngine) versionQuery() string { return `SELECT user_version FROM pragma_user_version` }

func (e *sqliteEngine) worksWithQuery() string { return e.versionQuery() }

func (*sqliteEngine) newest() int {
	names, _ := fs.Glob(migrations.Files, sqliteMigrations) // the pattern is good
	return len(names)
}

func (*sqliteEngine) setVersion(t *Tx, version int) error {
	return t.exec(fmt.Sprintf(`PRAGMA user_version = %d`, version))
}

func (*sqliteEngine) stay(*Tx) error { return nil }

func (*sqliteEngine) tables(t *Tx) (all []table, err error) {
	err = t.rows(`SELECT name, sql LIKE '%AUTOINCREMENT%' FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT IN ('site_move', 'lead')`, nil, func(r scanner) error {
		var one table
		var counted bool
		err := r.Scan(&one.name, &counted)
		if counted {
			one.counted = "id" // which column it is, count needs from one of the schemas only
		}
		all = append(all, one)
		return err
	})
	for i := range all {
		one := &all[i]
		if err == nil {
			one.columns, err = t.texts(`SELECT name FROM pragma_table_info(?) ORDER BY name`, one.name)
		}
		if err == nil {
			one.key, err = t.texts(`SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk`, one.name)
		}
		if err == nil {
			one.parents, err = t.texts(`SELECT DISTINCT "table" FROM pragma_foreign_key_list(?)`, one.name)
		}
		if one.counted != "" && len(one.key) == 1 {
			one.counted = one.key[0]
		}
	}
	return all, err
}

func (e *sqliteEngine) replace(ctx context.Context, one table, rows *tableScan) error {
	conn, err := e.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	// Rows are deleted that others refer to; the same ones come back. It cannot be said in a
	// transaction.
	if _, err := conn.ExecContext(ctx, `PRAGMA foreign_keys = 0`); err != nil {
		return err
	}
	defer conn.ExecContext(context.WithoutCancel(ctx), `PRAGMA foreign_keys = 1`)
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	t := &Tx{ctx: ctx, tx: tx, engine: e}
	triggers, err := t.texts(`SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?`, one.name)
	if err != nil {
		return err
	}
	names, err := t.texts(`SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?`, one.name)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := t.exec(`DROP TRIGGER ` + quoted(name)); err != nil {
			return err
		}
	}
	if err := t.exec(`DELETE FROM ` + quoted(one.name)); err != nil {
		return err
	}
	if err := t.exec(largeCache); err != nil {
		return err
	}
	places := strings.Join(slices.Repeat([]string{"?"}, len(one.columns)), ", ")
	insert, err := tx.PrepareContext(ctx, `INSERT INTO `+quoted(one.name)+` (`+quoted(one.columns...)+`) VALUES (`+places+`)`)
	if err != nil {
		return err
	}
	for rows.Next() {
		if _, err := insert.ExecContext(ctx, rows.values...); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, text := range append(triggers, usualCache) {
		if err := t.exec(text); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func (*sqliteEngine) sound(t *Tx) error {
	return t.rows(`SELECT "table", "parent" FROM pragma_foreign_key_check LIMIT 1`, nil, func(r scanner) error {
		var table, parent string
		if err := r.Scan(&table, &parent); err != nil {
			return err
		}
		return fmt.Errorf("a row of the table %s refers to one of the table %s that is not there", table, parent)
	})
}

func (*sqliteEngine) count(t *Tx, one table) (last int64, err error) {
	err = t.row(`SELECT max((SELECT coalesce(max(`+quoted(one.counted)+`), 0) FROM `+quoted(one.name)+`), (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = ?))`, []any{one.name}, &last)
	return last, err
}

func (*sqliteEngine) setCount(t *Tx, one table, last int64) error {
	if err := t.exec(`DELETE FROM sqlite_sequence WHERE name = ?`, one.name); err != nil || last == 0 {
		return err
	}
	return t.exec(`INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)`, one.name, last)
}
