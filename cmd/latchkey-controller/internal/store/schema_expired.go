package store

// expiredSchema is what users are chosen by whose time is over, or is to come, or
// who have no credential, without looking at all others. Each index has all that a
// page of users and a search read.
const expiredSchema = `
ALTER TABLE users ADD COLUMN credentials INTEGER NOT NULL DEFAULT 0; -- how many they have
UPDATE users SET credentials = (SELECT count(*) FROM credentials WHERE user_id = users.id);
DROP INDEX users_sorted;
CREATE INDEX users_sorted ON users (sort, id, words, valid_from, valid_until);
CREATE INDEX users_until ON users (valid_until, sort, words) WHERE valid_until <> 0;
CREATE INDEX users_from ON users (valid_from, valid_until, sort, words) WHERE valid_from <> 0;
CREATE INDEX users_bare ON users (sort, id, words) WHERE credentials = 0;
`
