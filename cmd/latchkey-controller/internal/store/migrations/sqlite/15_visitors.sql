-- Users who are invited for a time.
ALTER TABLE users ADD COLUMN invited INTEGER NOT NULL DEFAULT 0;  -- when, Unix seconds; 0: a user like others
ALTER TABLE users ADD COLUMN invited_by TEXT NOT NULL DEFAULT '';
CREATE INDEX users_invited ON users (sort, id, words, invited) WHERE invited <> 0;
CREATE INDEX visits ON users (valid_until, id, valid_from, invited) WHERE invited <> 0;

ALTER TABLE doors ADD COLUMN visitors INTEGER NOT NULL DEFAULT 0 CHECK (visitors IN (0, 1)); -- may be invited to it
