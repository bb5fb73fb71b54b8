-- The cards that prove themselves. x'': the key is made when the site is opened.
ALTER TABLE site ADD COLUMN card_master BLOB NOT NULL DEFAULT x''; -- sealed
-- What the first card that proves itself does to the policies. 0: nothing; 1: from then
-- on, only such cards end a lockout; 2: it did that. A new site has 1.
ALTER TABLE site ADD COLUMN first_proven INTEGER NOT NULL DEFAULT 0;

ALTER TABLE credentials ADD COLUMN chip INTEGER NOT NULL DEFAULT 0;       -- 0: the card can be copied
ALTER TABLE credentials ADD COLUMN generation INTEGER NOT NULL DEFAULT 0; -- of its keys
ALTER TABLE credentials ADD COLUMN card_key BLOB NOT NULL DEFAULT x'';    -- wrapped, as readers get it
CREATE INDEX credentials_copyable ON credentials (chip) WHERE kind = 2;

ALTER TABLE users ADD COLUMN copyable INTEGER NOT NULL DEFAULT 0; -- how many of their cards can be copied
UPDATE users SET copyable = (SELECT count(*) FROM credentials WHERE user_id = users.id AND kind = 2);
CREATE INDEX users_copyable ON users (sort, id, words, copyable) WHERE copyable <> 0;
CREATE TRIGGER copyable_added AFTER INSERT ON credentials WHEN new.kind = 2 AND new.chip = 0
BEGIN
	UPDATE users SET copyable = copyable + 1 WHERE id = new.user_id;
END;
CREATE TRIGGER copyable_removed AFTER DELETE ON credentials WHEN old.kind = 2 AND old.chip = 0
BEGIN
	UPDATE users SET copyable = copyable - 1 WHERE id = old.user_id;
END;
CREATE TRIGGER copyable_changed AFTER UPDATE OF chip ON credentials WHEN new.kind = 2
BEGIN
	UPDATE users SET copyable = copyable + (new.chip = 0) - (old.chip = 0) WHERE id = new.user_id;
END;

-- The cards that have got keys, or should have. They keep them when nobody has them.
CREATE TABLE cards (
	id      BLOB PRIMARY KEY CHECK (length(id) = 16), -- HMAC-SHA-256(card master key, UID), cut
	chip    INTEGER NOT NULL,
	on_card INTEGER NOT NULL, -- generation of its keys; 0: the factory's
	pending INTEGER NOT NULL, -- newest generation that was begun and not finished; 0: none
	reader  TEXT NOT NULL,    -- that got the keys of generation pending; '': a board that is no reader now
	highest INTEGER NOT NULL, -- generation ever begun
	factory INTEGER NOT NULL CHECK (factory IN (0, 1)), -- some keys may be the factory's
	-- The log's position from which on readers know its key; 0: they never did.
	epoch    INTEGER NOT NULL,
	revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE alarms ADD COLUMN user_id INTEGER NOT NULL DEFAULT 0; -- whom it concerns; 0: nobody
CREATE INDEX alarms_by_user ON alarms (reader_id, kind, user_id, id);
