-- Filters of users: not seen for a time, and with a card that was copied.
CREATE INDEX users_created ON users (sort, id, words, created);
CREATE INDEX alarms_copied ON alarms (user_id) WHERE kind = 'card.copied' AND user_id <> 0;
