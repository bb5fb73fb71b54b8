-- Hours with a name. Policies have copies of them, and are changed with them.
CREATE TABLE schedules (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	name     TEXT NOT NULL,
	folded   TEXT NOT NULL UNIQUE, -- the name without case and accents
	sort_key TEXT NOT NULL,
	hours    BLOB NOT NULL,        -- a wire.Schedule
	revision INTEGER NOT NULL      -- how often it was changed, from 1
) STRICT;

-- The hours in readers' policies that are those of a schedule.
CREATE TABLE schedule_uses (
	reader_id   TEXT NOT NULL REFERENCES readers (id),
	what        TEXT NOT NULL CHECK (what IN ('access', 'opening', 'two-proofs')),
	group_name  TEXT NOT NULL,     -- whose access; '' of others
	schedule_id INTEGER NOT NULL REFERENCES schedules (id),
	PRIMARY KEY (reader_id, what, group_name)
) STRICT, WITHOUT ROWID;
CREATE INDEX schedule_uses_by_schedule ON schedule_uses (schedule_id);
