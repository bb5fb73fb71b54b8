ALTER TABLE users ADD COLUMN first TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN last  TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN sort  TEXT NOT NULL DEFAULT ''; -- SortKey of the name
ALTER TABLE users ADD COLUMN words TEXT NOT NULL DEFAULT ''; -- name and groups, folded, a space before each word
CREATE INDEX users_sorted ON users (sort, id, words);        -- a search reads only this

ALTER TABLE credentials ADD COLUMN given_by TEXT NOT NULL DEFAULT '';
ALTER TABLE credentials ADD COLUMN exposed INTEGER NOT NULL DEFAULT 0 CHECK (exposed IN (0, 1));

ALTER TABLE site ADD COLUMN keep_days INTEGER NOT NULL DEFAULT 90 CHECK (keep_days > 0); -- of activity

CREATE TABLE locations (
	id   INTEGER PRIMARY KEY AUTOINCREMENT,
	name TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE hubs (
	id          INTEGER PRIMARY KEY AUTOINCREMENT,
	location_id INTEGER NOT NULL REFERENCES locations (id),
	name        TEXT NOT NULL,
	UNIQUE (location_id, name)
) STRICT;
CREATE TABLE doors (
	id     INTEGER PRIMARY KEY AUTOINCREMENT,
	hub_id INTEGER NOT NULL REFERENCES hubs (id),
	name   TEXT NOT NULL,
	UNIQUE (hub_id, name)
) STRICT;
ALTER TABLE readers ADD COLUMN door_id INTEGER REFERENCES doors (id);
ALTER TABLE readers ADD COLUMN removed TEXT NOT NULL DEFAULT '' CHECK (removed IN ('', 'returned', 'lost'));
ALTER TABLE readers ADD COLUMN broker  TEXT NOT NULL DEFAULT ''; -- as in its newest bundle

CREATE TABLE admins (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	name     TEXT NOT NULL,
	folded   TEXT NOT NULL UNIQUE, -- the name, whatever its case and accents
	role     TEXT NOT NULL CHECK (role IN ('owner', 'super-admin', 'limited-edit', 'limited-view')),
	password BLOB NOT NULL,        -- sealed: what it is checked with; empty: none yet
	created  INTEGER NOT NULL,
	seen     INTEGER NOT NULL      -- 0: never signed in
) STRICT;
CREATE TABLE sessions (
	hash     BLOB PRIMARY KEY CHECK (length(hash) = 32), -- SHA-256 of its token
	admin_id INTEGER NOT NULL REFERENCES admins (id) ON DELETE CASCADE,
	began    INTEGER NOT NULL,
	seen     INTEGER NOT NULL,
	given    INTEGER NOT NULL,     -- when the password was given last
	address  TEXT NOT NULL,
	agent    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_admin ON sessions (admin_id);
-- One-time links. One that is used is gone.
CREATE TABLE links (
	hash     BLOB PRIMARY KEY CHECK (length(hash) = 32), -- SHA-256 of its token
	admin_id INTEGER UNIQUE REFERENCES admins (id) ON DELETE CASCADE, -- NULL: it makes the first Owner
	ends     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Wrong passwords, by account and by address.
CREATE TABLE throttles (
	what     TEXT PRIMARY KEY,
	failures INTEGER NOT NULL,
	last     INTEGER NOT NULL,
	until    INTEGER NOT NULL      -- no password is looked at before
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	at        INTEGER NOT NULL,    -- Unix milliseconds
	admin_id  INTEGER NOT NULL,    -- 0: the command line, or nobody who is known
	who       TEXT NOT NULL,
	via       TEXT NOT NULL,
	act       TEXT NOT NULL,
	outcome   TEXT NOT NULL CHECK (outcome IN ('done', 'asked', 'refused', 'failed', 'clash')),
	reader_id TEXT NOT NULL,       -- '': none
	user_id   INTEGER NOT NULL,    -- 0: none
	subject   TEXT NOT NULL,       -- whom or what it was done to, as it was called
	text      TEXT NOT NULL
) STRICT;
CREATE INDEX audit_clashes ON audit (at) WHERE outcome = 'clash';

-- Records, audit and alarms in the one order in which they came.
CREATE TABLE activity (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	source    INTEGER NOT NULL CHECK (source IN (1, 2, 3)), -- records, audit, alarms
	row       INTEGER NOT NULL,    -- its id there
	class     TEXT NOT NULL,
	kind      TEXT NOT NULL,
	reader_id TEXT NOT NULL,
	user_id   INTEGER NOT NULL,
	at        INTEGER NOT NULL,    -- Unix milliseconds, by the clock of whoever noted it
	received  INTEGER NOT NULL     -- Unix milliseconds
) STRICT;
CREATE INDEX activity_by_reader ON activity (reader_id, id);
CREATE INDEX activity_by_user ON activity (user_id, class, id) WHERE user_id <> 0;
CREATE INDEX activity_by_class ON activity (class, id);
CREATE INDEX activity_by_time ON activity (at);
