-- How people are told by e-mail. No row: nobody is.
CREATE TABLE mail (
	one        INTEGER PRIMARY KEY CHECK (one = 1),
	host       TEXT NOT NULL,
	port       INTEGER NOT NULL,
	security   TEXT NOT NULL CHECK (security IN ('tls', 'starttls', 'none')),
	user       TEXT NOT NULL,      -- '': it is not asked for
	password   BLOB NOT NULL,      -- sealed; empty: none
	sender     TEXT NOT NULL,
	recipients TEXT NOT NULL,      -- with a space between
	notices    TEXT NOT NULL,      -- of what, with a space between
	names      INTEGER NOT NULL CHECK (names IN (0, 1)), -- of persons
	revision   INTEGER NOT NULL,   -- how often it was changed, from 1
	cursor     INTEGER NOT NULL,   -- the newest event of which nobody has to be told any more
	sent       INTEGER NOT NULL,   -- the last mail, Unix milliseconds; 0: none yet
	failed     INTEGER NOT NULL,   -- since when mails cannot be sent, Unix milliseconds; 0: they can
	problem    TEXT NOT NULL       -- why they cannot
) STRICT;
