-- What other programs know users by, and whether they are suspended: then their credentials
-- are not in the log.
ALTER TABLE users ADD COLUMN email TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN employee TEXT NOT NULL DEFAULT ''; -- number of an employee, as their employer writes it
ALTER TABLE users ADD COLUMN suspended INTEGER NOT NULL DEFAULT 0 CHECK (suspended IN (0, 1));
DROP INDEX users_sorted;
CREATE INDEX users_sorted ON users (sort, id, words, valid_from, valid_until, suspended, invited);
CREATE INDEX users_suspended ON users (sort, id, words, valid_from, valid_until, suspended, invited) WHERE suspended <> 0;
