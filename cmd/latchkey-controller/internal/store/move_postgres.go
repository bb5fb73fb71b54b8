package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

func (e *postgresEngine) deletion() string {
	config, err := parseAddress(e.address)
	if err != nil {
		return "dropdb"
	}
	return fmt.Sprintf("dropdb --host %s --port %d --username %s -- %s", shellQuoted(config.Host), config.Port, shellQuoted(config.User), shellQuoted(config.Database))
}

// shellQuoted returns text as one word of a shell.
func shellQuoted(text string) string {
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !strings.ContainsRune("-_./:", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

func (*postgresEngine) versionQuery() string { return `SELECT version FROM schema_version` }

func (*postgresEngine) worksWithQuery() string { return `SELECT version FROM schema_works_with` }

func (*postgresEngine) setVersion(t *Tx, version int) error {
	return t.exec(`UPDATE schema_version SET version = ?`, version)
}

func (*postgresEngine) stay(t *Tx) error {
	return t.exec(`SELECT set_config('idle_in_transaction_session_timeout', '0', true)`)
}

// ours is the namespace that the site's tables are in.
const ours = `(SELECT oid FROM pg_namespace WHERE nspname = current_schema())`

func (*postgresEngine) tables(t *Tx) (all []table, err error) {
	err = t.rows(`SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = `+ours+` AND relname NOT IN ('schema_version', 'schema_works_with', 'site_move', 'lead')`, nil, func(r scanner) error {
		var one table
		err := r.Scan(&one.name)
		all = append(all, one)
		return err
	})
	for i := range all {
		one := &all[i]
		const of = ` = (SELECT oid FROM pg_class WHERE relname = ? AND relnamespace = ` + ours + `)`
		if err == nil {
			one.columns, err = t.texts(`SELECT attname FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped AND attrelid`+of+` ORDER BY attname COLLATE "C"`, one.name)
		}
		if err == nil { // in it, by what a table is partitioned says nothing more
			one.key, err = t.texts(`SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY(indkey) WHERE indisprimary
				AND attnum <> ALL(coalesce((SELECT partattrs::int2[] FROM pg_partitioned_table WHERE partrelid = indrelid), '{}')) AND indrelid`+of+` ORDER BY array_position(indkey::int2[], attnum)`, one.name)
		}
		if err == nil {
			one.parents, err = t.texts(`SELECT DISTINCT relname FROM pg_constraint JOIN pg_class ON pg_class.oid = confrelid WHERE contype = 'f' AND conrelid`+of, one.name)
		}
		if err == nil {
			err = t.rowIfAny(`SELECT attname FROM pg_attribute WHERE attidentity <> '' AND attrelid`+of, []any{one.name}, &one.counted)
		}
	}
	return all, err
}

func (e *postgresEngine) replace(ctx context.Context, one table, rows *tableScan) error {
	conn, err := e.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(driver any) error {
		return pgx.BeginFunc(ctx, driver.(*stdlib.Conn).Conn(), func(tx pgx.Tx) error {
			name := quoted(one.name)
			if _, err := tx.Exec(ctx, `ALTER TABLE `+name+` DISABLE TRIGGER USER; TRUNCATE `+name+` CASCADE`); err != nil {
				return err
			}
			if _, err := tx.CopyFrom(ctx, pgx.Identifier{one.name}, one.columns, rows); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `ALTER TABLE `+name+` ENABLE TRIGGER USER; ANALYZE `+name)
			return err
		})
	})
}

// sound has nothing to do: the server checks each row as it comes.
func (*postgresEngine) sound(*Tx) error { return nil }

// sequence is the sequence that assigns a table's ids, as a name in SQL.
func (one table) sequence(t *Tx) (name string, err error) {
	err = t.row(`SELECT pg_get_serial_sequence(?, ?)`, []any{quoted(one.name), one.counted}, &name)
	return name, err
}

func (*postgresEngine) count(t *Tx, one table) (last int64, err error) {
	sequence, err := one.sequence(t)
	if err == nil {
		err = t.row(`SELECT greatest((SELECT coalesce(max(`+quoted(one.counted)+`), 0) FROM `+quoted(one.name)+`), (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM `+sequence+`))`, nil, &last)
	}
	return last, err
}

func (*postgresEngine) setCount(t *Tx, one table, last int64) error {
	sequence, err := one.sequence(t)
	if err != nil {
		return err
	}
	return t.exec(fmt.Sprintf(`SELECT setval('%s', %d, %t)`, strings.ReplaceAll(sequence, "'", "''"), max(last, 1), last > 0))
}
