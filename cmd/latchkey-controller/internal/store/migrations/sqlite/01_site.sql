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
