-- Programs that the site's broker lets in besides readers. Those removed stay, for the list of revoked
-- certificates.
CREATE TABLE broker_clients (
	id          INTEGER PRIMARY KEY,
	name        TEXT NOT NULL,
	certificate BLOB NOT NULL,        -- X.509, DER
	serial      TEXT NOT NULL UNIQUE, -- the certificate's, hexadecimal
	created     INTEGER NOT NULL,     -- Unix seconds
	revoked     INTEGER NOT NULL      -- when; 0: in force
) STRICT;
CREATE UNIQUE INDEX broker_client_in_force ON broker_clients (name) WHERE revoked = 0;
