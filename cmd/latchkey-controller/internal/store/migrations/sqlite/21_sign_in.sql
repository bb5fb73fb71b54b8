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
-- The provider at which administrators sign in (OpenID Connect). No row: there is none.
CREATE TABLE oidc (
	one      INTEGER PRIMARY KEY CHECK (one = 1),
	issuer   TEXT NOT NULL,
	client   TEXT NOT NULL,
	secret   BLOB NOT NULL,        -- sealed; empty: none
	claim    TEXT NOT NULL,        -- that says the role
	roles    TEXT NOT NULL,        -- by its values, as a JSON object
	owners   INTEGER NOT NULL CHECK (owners IN (0, 1)), -- it may make Owners
	inside   INTEGER NOT NULL CHECK (inside IN (0, 1)), -- its host may be inside the network
	revision INTEGER NOT NULL      -- how often it was changed, from 1
) STRICT;
ALTER TABLE admins ADD COLUMN issuer  TEXT NOT NULL DEFAULT ''; -- where they sign in; '': here
ALTER TABLE admins ADD COLUMN subject TEXT NOT NULL DEFAULT ''; -- who they are there
CREATE UNIQUE INDEX admins_by_subject ON admins (issuer, subject) WHERE issuer <> '';
