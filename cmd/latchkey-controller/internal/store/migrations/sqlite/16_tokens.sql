-- Tokens with which programs act for an administrator through the API. In the audit a
-- token is the administrator with the negative of its id.
CREATE TABLE tokens (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	admin_id INTEGER REFERENCES admins (id) ON DELETE CASCADE, -- who made it; NULL: the command line
	hash     BLOB NOT NULL UNIQUE CHECK (length(hash) = 32), -- SHA-256 of it
	name     TEXT NOT NULL,
	folded   TEXT NOT NULL UNIQUE, -- the name, whatever its case and accents
	scopes   TEXT NOT NULL,        -- with a space between
	networks TEXT NOT NULL,        -- from where it is taken, with a space between; '': from anywhere
	created  INTEGER NOT NULL,     -- Unix seconds
	ends     INTEGER NOT NULL,     -- as a clock.Steady
	used     INTEGER NOT NULL,     -- the last day on which it was used, Unix seconds; 0: never
	refused  INTEGER NOT NULL      -- the last day on which it was used after its end, Unix seconds; 0: never
) STRICT;
