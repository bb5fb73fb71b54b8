package store

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
)

// Size returns the number of bytes that WriteImage writes.
func (t *Tx) Size() (bytes int64, err error) {
	err = t.row(`SELECT page_count * page_size FROM pragma_page_count, pragma_page_size`, nil, &bytes)
	return bytes, err
}

// CheckIntegrity returns an error if SQLite's quick check finds damage, or if the database is in
// PostgreSQL: WriteImage cannot write that.
func (t *Tx) CheckIntegrity() error {
	if _, is := t.engine.(*sqliteEngine); !is {
		return errors.New("the site's database is in PostgreSQL: back it up there, with pg_dump, and keep the site's directory with it")
	}
	var result string
	if err := t.row(`PRAGMA quick_check(1)`, nil, &result); err != nil {
		return err
	}
	if result != "ok" {
		return fmt.Errorf("the database is damaged: %s", result)
	}
	return nil
}

// WriteImage writes the database, as the transaction sees it, page by page: a valid
// database file.
func (t *Tx) WriteImage(w io.Writer) error {
	var failed error
	err := t.rows(`SELECT data FROM sqlite_dbpage ORDER BY pgno`, nil, func(s scanner) error {
		var page sql.RawBytes
		if err := s.Scan(&page); err != nil {
			return err
		}
		_, failed = w.Write(page)
		return failed
	})
	if failed != nil {
		return failed
	}
	return err
}
