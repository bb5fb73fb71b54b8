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
