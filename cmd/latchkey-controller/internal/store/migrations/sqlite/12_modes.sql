-- What people want doors to be, beyond what the policies say. A reader's policy has of
-- them what covers its place.
CREATE TABLE modes (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	mode     TEXT NOT NULL CHECK (mode IN ('unlocked', 'locked', 'lockdown', 'evacuation')),
	level    TEXT NOT NULL CHECK (level IN ('site', 'location', 'door')),
	place_id INTEGER NOT NULL,   -- 0: the site
	until    INTEGER NOT NULL,   -- Unix seconds; 0: until somebody ends it
	who      TEXT NOT NULL,
	at       INTEGER NOT NULL,   -- Unix milliseconds
	ended    INTEGER NOT NULL DEFAULT 0, -- Unix milliseconds; 0: not yet
	ended_by TEXT NOT NULL DEFAULT ''    -- '': it ended by itself
) STRICT;
CREATE INDEX modes_wanted ON modes (id) WHERE ended = 0;
CREATE INDEX modes_ended ON modes (ended) WHERE ended <> 0;

-- Of the modes that are wanted now: the readers whose policies carry them.
CREATE TABLE mode_readers (
	reader_id TEXT NOT NULL REFERENCES readers (id),
	mode_id   INTEGER NOT NULL REFERENCES modes (id),
	revision  INTEGER NOT NULL,  -- of the first policy that carries it
	asked     INTEGER NOT NULL,  -- since when, Unix milliseconds
	confirmed INTEGER NOT NULL,  -- when the reader said that it works so, Unix milliseconds; 0: not yet
	PRIMARY KEY (reader_id, mode_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX mode_readers_by_mode ON mode_readers (mode_id);
CREATE INDEX mode_readers_awaited ON mode_readers (reader_id) WHERE confirmed = 0;

-- What a reader understands, as its last state said; -1: it has reported none yet, and
-- counts as the newest.
ALTER TABLE readers ADD COLUMN level INTEGER NOT NULL DEFAULT -1;
UPDATE readers SET level = 0 WHERE id IN (SELECT reader_id FROM states);
