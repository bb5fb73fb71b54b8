-- The newest event that granted a user access, by its id in activity; 0: there is none, or it is pruned.
ALTER TABLE users ADD COLUMN seen INTEGER NOT NULL DEFAULT 0;
UPDATE users SET seen = coalesce((SELECT max(id) FROM activity INDEXED BY activity_by_user WHERE user_id = users.id AND user_id <> 0 AND class = 'granted'), 0);
-- One index for all that lists of users compare.
DROP INDEX users_created;
DROP INDEX users_sorted;
CREATE INDEX users_sorted ON users (sort, id, words, valid_from, valid_until, suspended, invited, created, seen);
