package cache

import (
	"crypto/ed25519"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"go.etcd.io/bbolt"
	_ "modernc.org/sqlite"

	"latchkey/sync/wire"
)

// besides are the stores that a look-up could be made in as well. Each holds
// the same credentials by the same tags, as the same bytes.
var besides = []string{"cache", "sqlite", "bbolt"}

// store is one of them, open.
type store interface {
	lookup(tag wire.Tag) (*wire.Credential, error) // errNone: it is not there
	close() error
}

var errNone = errors.New("no such tag")

// besideCredential is the one that big gives an id.
func besideCredential(id uint64) wire.Credential {
	return wire.Credential{ID: id, Kind: wire.PIN, User: id, Name: fmt.Sprintf("User number %06d", id-1)}
}

// besideFile is the file in dir that a store keeps its records in.
func besideFile(kind, dir string) string {
	return map[string]string{
		"cache":  filepath.Join(dir, epochName(1), credentialsFile),
		"sqlite": filepath.Join(dir, "beside.sqlite"),
		"bbolt":  filepath.Join(dir, "beside.bbolt"),
	}[kind]
}

func openBeside(kind, dir string) (store, error) {
	switch kind {
	case "cache":
		key := ed25519.NewKeyFromSeed(make([]byte, 32))
		c := Open(Options{Dir: dir, Site: wire.SiteID{1}, Controller: key.Public().(ed25519.PublicKey)})
		return &cacheStore{c}, c.Fault()
	case "sqlite":
		// Durable at each commit, which SQLite is not by default with a
		// write-ahead log.
		db, err := sql.Open("sqlite", "file:"+besideFile(kind, dir)+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)")
		if err != nil {
			return nil, err
		}
		db.SetMaxOpenConns(1)
		if _, err := db.Exec(`create table if not exists credentials (tag blob primary key, record blob not null) without rowid`); err != nil {
			return nil, err
		}
		find, err := db.Prepare(`select record from credentials where tag = ?`)
		return &sqliteStore{db, find}, err
	default:
		db, err := bbolt.Open(besideFile(kind, dir), 0o600, &bbolt.Options{Timeout: 10 * time.Second})
		return &bboltStore{db}, err
	}
}

type cacheStore struct{ *Cache }

func (s *cacheStore) lookup(tag wire.Tag) (*wire.Credential, error) {
	c, err := s.Lookup(1, tag)
	if err == ErrUnknown {
		return nil, errNone
	}
	return c, err
}
func (s *cacheStore) close() error { return s.Close() }

type sqliteStore struct {
	db   *sql.DB
	find *sql.Stmt
}

func (s *sqliteStore) lookup(tag wire.Tag) (*wire.Credential, error) {
	var record sql.RawBytes
	rows, err := s.find.Query(tag[:])
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return nil, err
		}
		return nil, errNone
	}
	if err := rows.Scan(&record); err != nil {
		return nil, err
	}
	return decodeBeside(record)
}
func (s *sqliteStore) close() error { return s.db.Close() }

func (s *sqliteStore) put(entries []wire.Entry) error {
	tx, err := s.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	put, err := tx.Prepare(`insert or replace into credentials values (?, ?)`)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if _, err := put.Exec(e.Tag[:], wire.Marshal(&e.Credential)); err != nil {
			return err
		}
	}
	return tx.Commit()
}

type bboltStore struct{ db *bbolt.DB }

var besideBucket = []byte("credentials")

func (s *bboltStore) lookup(tag wire.Tag) (c *wire.Credential, err error) {
	return c, s.db.View(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(besideBucket)
		if bucket == nil {
			return errors.New("no bucket")
		}
		record := bucket.Get(tag[:])
		if record == nil {
			return errNone
		}
		c, err = decodeBeside(record)
		return err
	})
}
func (s *bboltStore) close() error { return s.db.Close() }

func (s *bboltStore) put(entries []wire.Entry) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		bucket, err := tx.CreateBucketIfNotExists(besideBucket)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := bucket.Put(e.Tag[:], wire.Marshal(&e.Credential)); err != nil {
				return err
			}
		}
		return nil
	})
}

func decodeBeside(record []byte) (*wire.Credential, error) {
	var c wire.Credential
	if err := wire.Unmarshal(record, wire.MaxRecord, &c); err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	return &c, nil
}

// askAndSay is a process of its own: it opens a store whose file may be damaged
// and asks it for tags, given with the ids that they belong to. It prints
// "right", "refused" if it was told of the damage, or "wrong". What crashes
// prints nothing.
func askAndSay(kind, dir string) {
	s, err := openBeside(kind, dir)
	if err != nil {
		fmt.Println("refused")
		return
	}
	refused := false
	for {
		var text string
		var id uint64
		if _, err := fmt.Fscan(os.Stdin, &text, &id); err != nil {
			break
		}
		tag, err := hex.DecodeString(text)
		if err != nil {
			panic(err)
		}
		c, err := s.lookup(wire.Tag(tag))
		switch {
		case err == errNone:
			fmt.Println("wrong")
			return
		case err != nil:
			refused = true
		case !reflect.DeepEqual(*c, besideCredential(id)):
			fmt.Println("wrong")
			return
		}
	}
	if refused {
		fmt.Println("refused")
		return
	}
	fmt.Println("right")
}
