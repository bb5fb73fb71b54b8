-- PINs for duress, and with limits.
ALTER TABLE credentials ADD COLUMN duress INTEGER NOT NULL DEFAULT 0 CHECK (duress IN (0, 1));
ALTER TABLE credentials ADD COLUMN uses INTEGER NOT NULL DEFAULT 0;       -- how often; 0: no limit
ALTER TABLE credentials ADD COLUMN within INTEGER NOT NULL DEFAULT 0;     -- seconds from the first use; 0: no limit
ALTER TABLE credentials ADD COLUMN first_used INTEGER NOT NULL DEFAULT 0; -- of a PIN with limits, Unix seconds; 0: not yet
CREATE INDEX credentials_new ON credentials (duress) WHERE duress <> 0 OR uses <> 0 OR within <> 0;

-- How often readers say that PINs with limits were used.
CREATE TABLE pin_uses (
	credential_id INTEGER NOT NULL REFERENCES credentials (id) ON DELETE CASCADE,
	reader_id     TEXT NOT NULL REFERENCES readers (id),
	uses          INTEGER NOT NULL, -- as its board counts
	before        INTEGER NOT NULL DEFAULT 0, -- at boards that were this reader before
	first         INTEGER NOT NULL, -- the first that it told of, Unix seconds
	PRIMARY KEY (credential_id, reader_id)
) STRICT, WITHOUT ROWID;
