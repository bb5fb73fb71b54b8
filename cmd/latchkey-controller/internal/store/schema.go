package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// applicationID marks a database of this program: "LKEY".
const applicationID = 0x4c4b4559

// migrations lead from one version of the schema to the next; a database's
// user_version says how many of them it has been through. One that was ever
// released is never changed: a new one is added below it.
var migrations = []string{`
CREATE TABLE site (
	one       INTEGER PRIMARY KEY CHECK (one = 1),
	id        BLOB NOT NULL CHECK (length(id) = 16),
	name      TEXT NOT NULL,
	created   INTEGER NOT NULL,  -- Unix seconds, as every time here
	signing   BLOB NOT NULL,     -- sealed: Ed25519 seed
	authority BLOB NOT NULL,     -- sealed: the certificate authority's key, PKCS #8
	root      BLOB NOT NULL      -- the certificate authority's certificate, DER
) STRICT;

CREATE TABLE epochs (
	number  INTEGER PRIMARY KEY,
	created INTEGER NOT NULL,
	key     BLOB NOT NULL,       -- sealed: the site key
	salt    BLOB NOT NULL CHECK (length(salt) = 16),
	memory  INTEGER NOT NULL,
	time    INTEGER NOT NULL,
	threads INTEGER NOT NULL
) STRICT;

-- The credential log.
CREATE TABLE changes (
	epoch    INTEGER NOT NULL REFERENCES epochs (number),
	revision INTEGER NOT NULL CHECK (revision > 0),
	change   BLOB NOT NULL,      -- as encoded
	hash     BLOB NOT NULL CHECK (length(hash) = 32), -- h(revision)
	at       INTEGER NOT NULL,
	PRIMARY KEY (epoch, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
	id          INTEGER PRIMARY KEY AUTOINCREMENT,
	name        TEXT NOT NULL,
	valid_from  INTEGER NOT NULL, -- 0: always has been
	valid_until INTEGER NOT NULL, -- 0: for ever
	extended    INTEGER NOT NULL CHECK (extended IN (0, 1)),
	created     INTEGER NOT NULL
) STRICT;
CREATE INDEX users_by_name ON users (name);

CREATE TABLE user_groups (
	user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	name    TEXT NOT NULL,
	PRIMARY KEY (user_id, name)
) STRICT, WITHOUT ROWID;

-- What readers hold now: the log of the newest epoch, carried out.
CREATE TABLE credentials (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	user_id  INTEGER NOT NULL REFERENCES users (id),
	kind     INTEGER NOT NULL CHECK (kind IN (1, 2)),
	tag      BLOB NOT NULL UNIQUE CHECK (length(tag) = 16),
	material BLOB NOT NULL,      -- sealed
	created  INTEGER NOT NULL
) STRICT;
CREATE INDEX credentials_by_user ON credentials (user_id);

CREATE TABLE readers (
	id      TEXT PRIMARY KEY,
	created INTEGER NOT NULL
) STRICT;

-- Each adoption of a reader. The newest is in force, all older ones are revoked.
CREATE TABLE bundles (
	number      INTEGER PRIMARY KEY,
	reader_id   TEXT NOT NULL REFERENCES readers (id),
	created     INTEGER NOT NULL,
	request     BLOB NOT NULL,   -- the payload it answers: the board's public keys
	certificate BLOB NOT NULL,   -- DER
	serial      TEXT NOT NULL UNIQUE, -- the certificate's, hexadecimal
	epoch       INTEGER NOT NULL REFERENCES epochs (number),
	revoked     INTEGER NOT NULL -- when; 0: in force
) STRICT;
CREATE UNIQUE INDEX bundle_in_force ON bundles (reader_id) WHERE revoked = 0;

CREATE TABLE policies (
	reader_id TEXT PRIMARY KEY REFERENCES readers (id),
	revision  INTEGER NOT NULL,
	policy    BLOB NOT NULL,     -- as encoded, with that revision
	changed   INTEGER NOT NULL
) STRICT;
`, `
-- The log as readers get it: signed, each following the one before.
CREATE TABLE deltas (
	epoch    INTEGER NOT NULL REFERENCES epochs (number),
	revision INTEGER NOT NULL,   -- the last one that it brings
	before   INTEGER NOT NULL,   -- the revision that it applies to
	hash     BLOB NOT NULL CHECK (length(hash) = 32), -- SHA-256 of its payload
	signed   BLOB NOT NULL,
	PRIMARY KEY (epoch, revision)
) STRICT;

-- What readers reported, once each. A number that came with two hashes is here
-- twice: somebody has copied or put back a reader's journal.
CREATE TABLE records (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	reader_id TEXT NOT NULL REFERENCES readers (id),
	journal   BLOB NOT NULL CHECK (length(journal) = 16),
	number    INTEGER NOT NULL CHECK (number > 0),
	hash      BLOB NOT NULL CHECK (length(hash) = 32),
	record    BLOB NOT NULL,     -- as encoded
	kind      TEXT NOT NULL,
	at        INTEGER NOT NULL,  -- Unix milliseconds, by the reader's clock
	received  INTEGER NOT NULL,  -- Unix milliseconds
	UNIQUE (reader_id, journal, number, hash)
) STRICT;
CREATE INDEX records_by_time ON records (at);

-- How far each journal is here.
CREATE TABLE journals (
	reader_id TEXT NOT NULL REFERENCES readers (id),
	journal   BLOB NOT NULL CHECK (length(journal) = 16),
	number    INTEGER NOT NULL,
	hash      BLOB NOT NULL CHECK (length(hash) = 32),
	forked    INTEGER NOT NULL CHECK (forked IN (0, 1)), -- a number came with two hashes
	restored  INTEGER NOT NULL CHECK (restored IN (0, 1)), -- its reader may think that more is here
	PRIMARY KEY (reader_id, journal)
) STRICT, WITHOUT ROWID;

-- Numbers that were passed over and that no record of the journal explains yet.
CREATE TABLE gaps (
	reader_id TEXT NOT NULL REFERENCES readers (id),
	journal   BLOB NOT NULL CHECK (length(journal) = 16),
	first     INTEGER NOT NULL,
	last      INTEGER NOT NULL,
	at        INTEGER NOT NULL,  -- Unix milliseconds
	PRIMARY KEY (reader_id, journal, first)
) STRICT, WITHOUT ROWID;

-- What the controller noticed and somebody should look at.
CREATE TABLE alarms (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	reader_id TEXT NOT NULL,     -- '': about the site
	kind      TEXT NOT NULL,
	at        INTEGER NOT NULL,  -- Unix milliseconds
	text      TEXT NOT NULL
) STRICT;

-- The newest state of each reader.
CREATE TABLE states (
	reader_id  TEXT PRIMARY KEY REFERENCES readers (id),
	bundle     INTEGER NOT NULL, -- whose certificate it came with: another board counts anew
	connection INTEGER NOT NULL, -- the highest
	counter    INTEGER NOT NULL, -- the highest of that connection
	offline    INTEGER NOT NULL CHECK (offline IN (0, 1)), -- that connection has ended
	state      BLOB NOT NULL,    -- the payload; empty: none was heard
	received   INTEGER NOT NULL  -- Unix milliseconds
) STRICT;

CREATE TABLE orders (
	id        BLOB PRIMARY KEY CHECK (length(id) = 16),
	reader_id TEXT NOT NULL REFERENCES readers (id),
	name      TEXT NOT NULL,
	seconds   INTEGER NOT NULL,
	who       TEXT NOT NULL,
	at        INTEGER NOT NULL,  -- Unix milliseconds
	outcome   TEXT NOT NULL      -- '': none yet
) STRICT;
`, consoleSchema, `
-- Names are sorted as people read them, and found by letters without strokes:
-- both columns are written anew.
`, boundsSchema, accountSchema + namesSchema, clockSchema + expiredSchema + zoneSchema + browsersSchema}

// fillings follow the migration to their version, where statements do not
// suffice.
var fillings = map[int]func(*Tx) error{3: fillConsole, 4: (*Tx).nameAll, 6: (*Tx).fillNames, 7: (*Tx).fillClockAndZone}

func (t *Tx) fillClockAndZone() error { return errors.Join(t.fillClock(), t.fillZone()) }

// migrate brings a database up to the schema of this program, one transaction
// a version.
func migrate(ctx context.Context, db *sql.DB) error {
	version, err := version(ctx, db)
	for err == nil && version < len(migrations) {
		version, err = migrateOne(ctx, db)
	}
	return err
}

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// version returns the schema's version, 0 of an empty database.
func version(ctx context.Context, db querier) (int, error) {
	var version, application int
	if err := db.QueryRowContext(ctx, `SELECT user_version, application_id FROM pragma_user_version, pragma_application_id`).Scan(&version, &application); err != nil {
		return 0, err
	}
	switch {
	case application != applicationID && (application != 0 || version != 0):
		return 0, errors.New("it belongs to another program")
	case version > len(migrations):
		return 0, fmt.Errorf("it has schema %d, made by a newer latchkey-controller, and this one knows %d: use the newer one", version, len(migrations))
	}
	return version, nil
}

// migrateOne takes one step and returns the version that it led to. Another
// process may have taken it meanwhile.
func migrateOne(ctx context.Context, db *sql.DB) (int, error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	at, err := version(ctx, tx)
	if err != nil || at == len(migrations) {
		return at, err
	}
	statements := fmt.Sprintf("%s; PRAGMA application_id = %d; PRAGMA user_version = %d;", migrations[at], applicationID, at+1)
	if _, err := tx.ExecContext(ctx, statements); err != nil {
		return 0, fmt.Errorf("schema %d: %w", at+1, err)
	}
	if fill := fillings[at+1]; fill != nil {
		if err := fill(&Tx{ctx, tx}); err != nil {
			return 0, fmt.Errorf("schema %d: %w", at+1, err)
		}
	}
	return at + 1, tx.Commit()
}
