-- How far time had come when somebody looked (package clock). Sessions, browsers,
-- links, throttles, allowances, gaps, journals.led and site.claimed count by its
-- steady.
CREATE TABLE clock (
	one    INTEGER PRIMARY KEY CHECK (one = 1),
	boot   TEXT NOT NULL,
	since  INTEGER NOT NULL,     -- milliseconds
	steady INTEGER NOT NULL,     -- milliseconds
	wall   INTEGER NOT NULL,     -- Unix milliseconds
	doubt  INTEGER NOT NULL,
	off    INTEGER NOT NULL      -- milliseconds
) STRICT;

-- The newest entries there were at a time: those up to them are older.
CREATE TABLE ages (
	steady   INTEGER PRIMARY KEY, -- seconds
	activity INTEGER NOT NULL,    -- id
	audit    INTEGER NOT NULL     -- id
) STRICT;
UPDATE gaps SET at = at / 1000;
ALTER TABLE journals ADD COLUMN led INTEGER NOT NULL DEFAULT 0; -- since when its reader is told to go back; 0: it is not
DROP INDEX audit_clashes;
CREATE INDEX audit_clashes ON audit (id, admin_id) WHERE outcome = 'clash';

ALTER TABLE users ADD COLUMN credentials INTEGER NOT NULL DEFAULT 0; -- how many they have
UPDATE users SET credentials = (SELECT count(*) FROM credentials WHERE user_id = users.id);
DROP INDEX users_sorted;
CREATE INDEX users_sorted ON users (sort, id, words, valid_from, valid_until);
CREATE INDEX users_until ON users (valid_until, sort, words) WHERE valid_until <> 0;
CREATE INDEX users_from ON users (valid_from, valid_until, sort, words) WHERE valid_from <> 0;
CREATE INDEX users_bare ON users (sort, id, words) WHERE credentials = 0;

ALTER TABLE site ADD COLUMN zone TEXT NOT NULL DEFAULT 'UTC'; -- IANA name, in which people write and read times

CREATE TABLE browsers_of (
	hash     BLOB NOT NULL CHECK (length(hash) = 32), -- SHA-256 of its token
	admin_id INTEGER NOT NULL REFERENCES admins (id) ON DELETE CASCADE,
	seen     INTEGER NOT NULL,
	PRIMARY KEY (hash, admin_id)
) STRICT, WITHOUT ROWID;
INSERT INTO browsers_of (hash, admin_id, seen) SELECT hash, admin_id, seen FROM browsers;
DROP TABLE browsers;
ALTER TABLE browsers_of RENAME TO browsers;
CREATE INDEX browsers_by_admin ON browsers (admin_id);
