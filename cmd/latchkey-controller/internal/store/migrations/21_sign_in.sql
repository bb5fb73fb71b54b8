-- Passkeys of administrators (Web Authentication).
CREATE TABLE passkeys (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	admin_id   INTEGER NOT NULL REFERENCES admins (id) ON DELETE CASCADE,
	credential BLOB NOT NULL UNIQUE, -- its id, as the browser knows it
	key        BLOB NOT NULL,        -- the public one (COSE)
	count      INTEGER NOT NULL,     -- of signatures, as it says; 0: it does not count
	transports TEXT NOT NULL,        -- with a space between
	aaguid     BLOB NOT NULL,        -- model of the authenticator
	eligible   INTEGER NOT NULL CHECK (eligible IN (0, 1)),  -- it may be copied to other devices
	backed_up  INTEGER NOT NULL CHECK (backed_up IN (0, 1)), -- it has been
	name       TEXT NOT NULL,
	created    INTEGER NOT NULL,
	used       INTEGER NOT NULL      -- 0: never
) STRICT;
CREATE INDEX passkeys_by_admin ON passkeys (admin_id);
-- How administrators sign in. No row: by password, and there has been no passkey.
CREATE TABLE sign_in (
	one           INTEGER PRIMARY KEY CHECK (one = 1),
	host          TEXT NOT NULL,     -- of the console, for which the passkeys were made
	passkey_roles TEXT NOT NULL,     -- that need one, with a space between
	revision      INTEGER NOT NULL   -- how often the roles were changed
) STRICT;
