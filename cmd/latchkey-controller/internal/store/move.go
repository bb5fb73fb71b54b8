package store

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"latchkey/device/durable"
)

// nextFile is the name of the file that says where a site's database is once it has been moved.
const nextFile = AddressFile + ".next"

// inSQLite is how nextFile, commands and people name SQLite's database in the site's directory.
const inSQLite = "sqlite"

// The version of the schema of a database into which a site is being moved, and of one that a site
// has left. No program opens either for a site, not even one that knows no moves.
const arrivingVersion, leftVersion = 1 << 30, 1<<30 + 1

// errUnderway says that a database has one of these versions.
var errUnderway = errors.New("a site has been moved from here, or is being moved here")

// A mark is the row of the table site_move, which a database with one of these versions has.
type mark struct {
	version int    // arrivingVersion or leftVersion
	schema  int    // the version of its tables
	site    string // id, hexadecimal
	name    string // of the site
	address string // the other database's; "": SQLite's
	at      int64  // Unix seconds
}

func (e *mark) set(t *Tx) error {
	err := t.exec(`CREATE TABLE site_move (site TEXT NOT NULL, name TEXT NOT NULL, address TEXT NOT NULL, at BIGINT NOT NULL, schema_then BIGINT NOT NULL)`)
	if err == nil {
		err = t.exec(`INSERT INTO site_move (site, name, address, at, schema_then) VALUES (?, ?, ?, ?, ?)`, e.site, e.name, e.address, e.at, e.schema)
	}
	if err == nil {
		err = t.engine.setVersion(t, e.version)
	}
	return err
}

// readMark returns the mark of a database; nil: it has none.
func readMark(ctx context.Context, e engine) (*mark, error) {
	var m mark
	err := (&Store{engine: e}).View(ctx, func(t *Tx) error {
		if err := t.row(e.versionQuery(), nil, &m.version); err != nil || m.version < arrivingVersion {
			return err
		}
		return t.row(`SELECT site, name, address, at, schema_then FROM site_move`, nil, &m.site, &m.name, &m.address, &m.at, &m.schema)
	})
	if err != nil || m.version < arrivingVersion {
		return nil, err
	}
	return &m, nil
}

// refusal says why a database with a mark is not opened. place is where it is.
func (m *mark) refusal(place string) error {
	if m == nil {
		return nil
	}
	if m.version == leftVersion {
		return &MovedError{Site: m.name, From: place, To: m.address, At: time.Unix(m.at, 0)}
	}
	return fmt.Errorf("%s holds a part of the site %s, which is being moved there; finish that with latchkey-controller site move, in the site's directory, or delete that database", place, m.name)
}

// A MovedError says that the site has been moved to another database.
type MovedError struct {
	Site, From string
	To         string // address of the database; "": SQLite's in the site's directory
	At         time.Time
}

func (e *MovedError) Error() string {
	to := e.To
	if to == "" {
		to = "SQLite, in the directory of its controller"
	}
	return fmt.Sprintf("the site %s is no longer in %s: on %s it was moved to %s. Work with the directory that was moved; this is an old copy of it, or of its database", e.Site, e.From, e.At.Format(time.DateOnly), to)
}

// arrive opens the database of a directory whose address leads to one with a mark. It finishes a move
// that was interrupted after the site had left.
func arrive(ctx context.Context, dir, address string) (engine, error) {
	old, err := connect(dir, address)
	if err != nil {
		return nil, err
	}
	defer old.close()
	m, err := readMark(ctx, old)
	if err != nil {
		return nil, err
	}
	if m == nil { // another process has finished the move of this site meanwhile
		return openEngine(ctx, dir, address)
	}
	next, err := readNext(dir)
	if err != nil {
		return nil, err
	}
	if m.version != leftVersion || next == nil || *next != m.address {
		if now, err := Address(dir); err == nil && now != address { // so has another process
			return openEngine(ctx, dir, now)
		}
		return nil, m.refusal(old.place())
	}
	if err := switchTo(ctx, dir, m); err != nil {
		return nil, fmt.Errorf("finish the move to %s: %w", orSQLite(m.address), err)
	}
	return openEngine(ctx, dir, m.address)
}

// switchTo has a directory work with the database to which its site has been moved. It may be called
// again.
func switchTo(ctx context.Context, dir string, left *mark) error {
	to, err := connect(dir, left.address)
	if err != nil {
		return err
	}
	defer to.close()
	m, err := readMark(ctx, to)
	if err != nil {
		return err
	}
	if m != nil {
		if m.version != arrivingVersion || m.site != left.site {
			return m.refusal(to.place())
		}
		err = (&Store{engine: to}).Update(ctx, func(t *Tx) error {
			var version int
			if err := t.row(to.versionQuery(), nil, &version); err != nil || version < arrivingVersion { // another process was faster
				return err
			}
			if err := t.exec(`DROP TABLE site_move`); err != nil {
				return err
			}
			return to.setVersion(t, m.schema)
		})
		if err != nil {
			return err
		}
	}
	next, current := filepath.Join(dir, nextFile), filepath.Join(dir, AddressFile)
	if left.address == "" {
		if err := durable.Remove(current); err != nil {
			return err
		}
		return durable.Remove(next)
	}
	if err := os.Rename(next, current); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return durable.SyncDir(dir)
}

// readNext returns the address in nextFile; nil: there is no such file.
func readNext(dir string) (*string, error) {
	b, err := os.ReadFile(filepath.Join(dir, nextFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	address := strings.TrimSpace(string(b))
	if address == inSQLite {
		address = ""
	}
	return &address, err
}

func orSQLite(address string) string {
	if address == "" {
		return inSQLite
	}
	return address
}

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

// MoveTo moves the site to another database. Nobody may lead the site, and nothing else writes
// meanwhile.
//
// The move is whole with one commit, in the old database: until then the site is there, from then on
// in the new one, also if the program is killed. Then the directory is told; if it is not, the next
// Open does it. A move that was interrupted before is taken up by the next one to the same database.
// The old database stays, with a mark by which it is opened no more. The store must be closed then.
func (s *Store) MoveTo(ctx context.Context, m Move) (*Moved, error) {
	dir, address := m.Dir, m.To
	lead, err := s.Lead(ctx)
	if err != nil {
		return nil, err
	}
	defer lead.Close()
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
	if lead, err = to.Lead(ctx); err != nil {
		return nil, err
	}
	defer lead.Close()
	moved := &Moved{From: s.Place(), To: to.Place(), Delete: s.engine.deletion()}
	var left *mark
	err = s.Update(ctx, func(t *Tx) error {
		row, err := t.Site()
		if err == nil {
			err = t.engine.stay(t)
		}
		if err != nil {
			return err
		}
		arriving := &mark{version: arrivingVersion, site: hex.EncodeToString(row.ID[:]), name: row.Name, address: from, at: m.At.Unix()}
		if err := t.row(t.engine.versionQuery(), nil, &arriving.schema); err != nil {
			return err
		}
		if arriving.schema >= arrivingVersion {
			return errUnderway
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
		left = &mark{version: leftVersion, schema: arriving.schema, site: arriving.site, name: arriving.name, address: address, at: m.At.Unix()}
		return left.set(t)
	})
	if err != nil {
		return nil, err
	}
	return moved, switchTo(context.WithoutCancel(ctx), dir, left)
}

// prepareArrival readies a database for a site that is moved there: it must be empty, or hold an
// unfinished move of the same site.
func (s *Store) prepareArrival(ctx context.Context, arriving *mark) error {
	err := s.engine.ready(ctx, true)
	if errors.Is(err, errUnderway) {
		m, err := readMark(ctx, s.engine)
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
