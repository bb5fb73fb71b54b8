-- The site's holidays. Policies have their days, and are changed with them.
CREATE TABLE holidays (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	name      TEXT NOT NULL,
	first_day TEXT NOT NULL,       -- 2026-12-24
	last_day  TEXT NOT NULL,       -- the same, or later
	yearly    INTEGER NOT NULL CHECK (yearly IN (0, 1)), -- on these days of each year
	event     TEXT NOT NULL,       -- of the calendar that it was imported from; '': it was entered
	revision  INTEGER NOT NULL     -- how often it was changed, from 1
) STRICT;

-- The days of these that a reader's policy has of its own, too, and keeps when they go.
CREATE TABLE own_holidays (
	reader_id TEXT NOT NULL REFERENCES readers (id),
	year      INTEGER NOT NULL,    -- 0: each
	month     INTEGER NOT NULL,
	day       INTEGER NOT NULL,
	PRIMARY KEY (reader_id, year, month, day)
) STRICT, WITHOUT ROWID;
