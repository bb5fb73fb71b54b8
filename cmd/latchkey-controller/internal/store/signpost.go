package store

import (
	"context"
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

// A signpost is the row of the table site_move, which a database with one of these versions has: it says
// where the site is going, or comes from.
type signpost struct {
	version int    // arrivingVersion or leftVersion
	schema  int    // the version of its tables
	site    string // id, hexadecimal
	name    string // of the site
	address string // the other database's; "": SQLite's
	at      int64  // Unix seconds
}

func (m *signpost) set(t *Tx) error {
	err := t.exec(`CREATE TABLE site_move (site TEXT NOT NULL, name TEXT NOT NULL, address TEXT NOT NULL, at BIGINT NOT NULL, schema_then BIGINT NOT NULL)`)
	if err == nil {
		err = t.exec(`INSERT INTO site_move (site, name, address, at, schema_then) VALUES (?, ?, ?, ?, ?)`, m.site, m.name, m.address, m.at, m.schema)
	}
	if err == nil {
		err = t.engine.setVersion(t, m.version)
	}
	return err
}

// readSignpost returns the signpost of a database; nil: it has none.
func readSignpost(ctx context.Context, e engine) (*signpost, error) {
	var m signpost
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

// refusal says why a database with a signpost is not opened. place is where it is.
func (m *signpost) refusal(place string) error {
	if m == nil {
		return nil
	}
	if m.version == leftVersion {
		return &LeftError{Site: m.name, From: place, To: m.address, At: time.Unix(m.at, 0)}
	}
	return fmt.Errorf("%s holds a part of the site %s, which is being moved there; finish that with latchkey-controller site move, in the site's directory, or delete that database", place, m.name)
}

// A LeftError says that the site has been moved to another database.
type LeftError struct {
	Site, From string
	To         string // address of the database; "": SQLite's in the site's directory
	At         time.Time
}

func (e *LeftError) Error() string {
	to := e.To
	if to == "" {
		to = "SQLite, in the directory of its controller"
	}
	return fmt.Sprintf("the site %s is no longer in %s: on %s it was moved to %s. Work with the directory that was moved; this is an old copy of it, or of its database", e.Site, e.From, e.At.Format(time.DateOnly), to)
}

// arrive opens the database of a directory whose address leads to one with a signpost. It finishes a move
// that was interrupted after the site had left.
func arrive(ctx context.Context, dir, address string) (engine, error) {
	old, err := connect(dir, address)
	if err != nil {
		return nil, err
	}
	defer old.close()
	m, err := readSignpost(ctx, old)
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
func switchTo(ctx context.Context, dir string, left *signpost) error {
	to, err := connect(dir, left.address)
	if err != nil {
		return err
	}
	defer to.close()
	m, err := readSignpost(ctx, to)
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
