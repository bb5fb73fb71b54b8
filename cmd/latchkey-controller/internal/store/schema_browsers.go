package store

// browsersSchema has a browser known for each administrator who has signed in there.
const browsersSchema = `
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
`
