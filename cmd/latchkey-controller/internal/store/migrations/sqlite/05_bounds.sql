-- What one reader made the controller keep on a day.
CREATE TABLE allowances (
	reader_id TEXT PRIMARY KEY REFERENCES readers (id),
	day       INTEGER NOT NULL,    -- of the site: steady / 86400
	spent     INTEGER NOT NULL,    -- bytes, about
	said      INTEGER NOT NULL CHECK (said IN (0, 1)) -- that it was too much
) STRICT;

ALTER TABLE site ADD COLUMN claimed INTEGER NOT NULL DEFAULT 0; -- when a reader's word alone began an epoch

-- Browsers in which an administrator has signed in.
CREATE TABLE browsers (
	hash     BLOB PRIMARY KEY CHECK (length(hash) = 32), -- SHA-256 of its token
	admin_id INTEGER NOT NULL REFERENCES admins (id) ON DELETE CASCADE,
	seen     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX browsers_by_admin ON browsers (admin_id);

ALTER TABLE audit ADD COLUMN count INTEGER NOT NULL DEFAULT 1; -- of acts that this entry stands for
CREATE INDEX audit_refused ON audit (admin_id, at) WHERE outcome = 'refused';
