package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"latchkey/device/durable"
)

// An Image is a database as a transaction sees it, as a file of SQLite: a whole one, whichever the
// database is in.
type Image struct {
	Size  int64 // in bytes
	tx    *Tx
	close func()
}

// Image returns the database's image, which the caller closes before the transaction ends. What is in
// PostgreSQL is copied for it to a file without a name in a directory, which must have room. It refuses a
// database that is damaged.
func (t *Tx) Image(dir string) (*Image, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	i, err := t.engine.image(t, dir)
	if err != nil {
		return nil, err
	}
	if err = i.tx.checkIntegrity(); err == nil {
		err = i.tx.row(`SELECT page_count * page_size FROM pragma_page_count, pragma_page_size`, nil, &i.Size)
	}
	if err != nil {
		i.Close()
		return nil, err
	}
	return i, nil
}

// Close deletes what was made for the image.
func (i *Image) Close() { i.close() }

// Write writes the image, page by page.
func (i *Image) Write(w io.Writer) error {
	var failed error
	err := i.tx.rows(`SELECT data FROM sqlite_dbpage ORDER BY pgno`, nil, func(s scanner) error {
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

// checkIntegrity returns an error if SQLite's quick check finds damage.
func (t *Tx) checkIntegrity() error {
	var result string
	if err := t.row(`PRAGMA quick_check(1)`, nil, &result); err != nil {
		return err
	}
	if result != "ok" {
		return fmt.Errorf("the database is damaged: %s", result)
	}
	return nil
}

func (*sqliteEngine) image(t *Tx, _ string) (*Image, error) {
	return &Image{tx: t, close: func() {}}, nil
}

// image reads every row: what the server finds damaged, by its checksums, is an error.
func (*postgresEngine) image(t *Tx, dir string) (*Image, error) {
	failed := func(err error) error {
		if full := (*FullError)(nil); errors.As(err, &full) && full.Path == filepath.Join(dir, File) { // a file that the site does not have
			return &FullError{Path: "a copy of the database in " + dir}
		}
		return fmt.Errorf("copy the database: %w", err)
	}
	if err := t.exact(); err != nil {
		return nil, err
	}
	copied, err := unnamedSQLite(t.ctx, dir)
	if err != nil {
		return nil, failed(err)
	}
	to := &Store{engine: copied}
	if err := t.engine.stay(t); err != nil {
		copied.db.Close()
		return nil, err
	}
	if _, _, err := copyTables(t.ctx, t, to, nil); err != nil {
		copied.db.Close()
		return nil, failed(copied.failure(err))
	}
	tx, err := copied.begin(t.ctx, false)
	if err != nil {
		copied.db.Close()
		return nil, err
	}
	return &Image{tx: &Tx{ctx: t.ctx, tx: tx.Tx, engine: copied}, close: func() {
		tx.end()
		copied.db.Close()
	}}, nil
}

// unnamedSQLite makes an empty database, in a file of a directory that has no name any more. It is for
// one user at a time, and gone when it is closed, or the program is killed. The file has a name while
// it is empty: one that durable.Tidy removes, if the program is killed just then.
func unnamedSQLite(ctx context.Context, dir string) (*sqliteEngine, error) {
	if err := durable.Tidy(dir); err != nil {
		return nil, err
	}
	f, err := lockedFile(dir)
	if err != nil {
		return nil, err
	}
	path := f.Name()
	defer os.Remove(path)
	defer f.Close()
	options := url.Values{"mode": {"rw"}, "_pragma": {"journal_mode(MEMORY)", "synchronous(OFF)", "temp_store(memory)"}, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: options.Encode()}).String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // which has the file
	db.SetMaxIdleConns(1)
	var name string
	err = db.QueryRowContext(ctx, `SELECT file FROM pragma_database_list`).Scan(&name) // opens it
	if err == nil {
		err = os.Remove(path)
	}
	e := &sqliteEngine{db: db, reserve: reserve{dir}}
	if err == nil {
		err = e.migrate(ctx)
	}
	if err != nil {
		db.Close()
		return nil, e.failure(err)
	}
	return e, nil
}

// lockedFile makes an empty file that durable.Tidy leaves alone from now on.
func lockedFile(dir string) (*os.File, error) {
	for {
		path := filepath.Join(dir, "copy.new-"+rand.Text())
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		if err != nil {
			return nil, err
		}
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX); err == nil {
			_, err = os.Stat(path)
		}
		if err == nil {
			return f, nil
		}
		f.Close()
		if !errors.Is(err, fs.ErrNotExist) { // another process tidied just before it was locked
			os.Remove(path)
			return nil, err
		}
	}
}
