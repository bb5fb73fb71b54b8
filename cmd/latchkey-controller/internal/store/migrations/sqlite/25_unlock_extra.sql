-- What programs say of unlocks; kept as long as the acts.
CREATE TABLE unlock_notes (
	order_id   BLOB PRIMARY KEY REFERENCES orders (id),
	activity   INTEGER NOT NULL, -- the newest event when it was asked for
	actor_id   TEXT NOT NULL,    -- for whom, as the program knows them; '': it did not say
	actor_name TEXT NOT NULL,
	extra      TEXT NOT NULL     -- JSON of an object; '': none
) STRICT, WITHOUT ROWID;
CREATE INDEX unlock_notes_by_activity ON unlock_notes (activity);

-- Who is in a group, and whether anybody is.
CREATE INDEX user_groups_by_name ON user_groups (name, user_id);
