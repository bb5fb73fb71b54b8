package store

import (
	"database/sql"
	"fmt"
	"io"
)

// Size returns how many bytes WriteImage writes.
func (t *Tx) Size() (bytes int64, err error) {
	err = t.row(`SELECT page_count * page_size FROM pragma_page_count, pragma_page_size`, nil, &bytes)
	return bytes, err
}

// Sound returns an error if the database's pages do not hold together.
func (t *Tx) CheckIntegrity() error {
	var said string
	if err := t.row(`PRAGMA quick_check(1)`, nil, &said); err != nil {
		return err
	}
	if said != "ok" {
		return fmt.Errorf("the database is damaged: %s", said)
	}
	return nil
}

// WriteImage writes the database as the transaction sees it, page by page: what
// is written, kept under the name File, is that database.
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
