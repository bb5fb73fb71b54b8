-- Users by when they were last let in.
CREATE INDEX users_seen ON users (seen) WHERE seen <> 0;

-- The console leads a new site to its first opened door. A site that has a credential already is not new.
ALTER TABLE site ADD COLUMN first_steps_over INTEGER NOT NULL DEFAULT 0 CHECK (first_steps_over IN (0, 1));
UPDATE site SET first_steps_over = 1 WHERE EXISTS (SELECT 1 FROM credentials);
