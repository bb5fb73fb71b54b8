-- A board that has handed itself over by the network. See waiting_reader.go. No id comes again: what a person looks at
-- stays the board that it was.
CREATE TABLE waiting_reader (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	board    TEXT NOT NULL UNIQUE,                        -- fingerprint of the request
	request  BLOB NOT NULL,                               -- signed
	named    TEXT NOT NULL,                               -- the id in its config, as it said first; '': none
	disputed INTEGER NOT NULL CHECK (disputed IN (0, 1)), -- its request came under another id, too
	address  TEXT NOT NULL,                               -- from which it was heard last
	first    INTEGER NOT NULL,                            -- Unix milliseconds
	heard    INTEGER NOT NULL,                            -- Unix milliseconds, of the last minute
	until    INTEGER NOT NULL,                            -- when the row goes, in the seconds of clock.Steady
	refused  INTEGER NOT NULL CHECK (refused IN (0, 1)),
	reader   TEXT NOT NULL,                               -- that it was made; '': none
	number   INTEGER NOT NULL,                            -- of that bundle; 0: there is none
	revoked  INTEGER NOT NULL CHECK (revoked IN (0, 1)),  -- the board that the reader had was shut out then
	moved    TEXT NOT NULL,                               -- the other reader that this board was; '': none
	fetched  INTEGER NOT NULL,                            -- when it fetched the bundle first, Unix milliseconds; 0: not yet
	fetcher  TEXT NOT NULL,                               -- the address from which it was fetched first; '': it was not
	bundle   BLOB NOT NULL                                -- sealed; empty: there is none, or its reader was heard
) STRICT;
