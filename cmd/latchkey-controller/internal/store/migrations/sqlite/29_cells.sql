-- A cell is the brokers of some of a site's readers and the controllers that serve them there. See cell.go.
CREATE TABLE cell (
	id       INTEGER PRIMARY KEY AUTOINCREMENT, -- no id comes again: certificates of brokers have them
	name     TEXT NOT NULL UNIQUE,
	brokers  TEXT NOT NULL,   -- URLs that its readers are told of, in order, with spaces between; '': as each bundle and policy says
	revision INTEGER NOT NULL -- rises with each change
) STRICT;
INSERT INTO cell (id, name, brokers, revision) VALUES (1, 'main', '', 1);

-- Who leads: a row for each cell that anybody has led.
CREATE TABLE lead_of_cell (
	cell   INTEGER PRIMARY KEY,
	term   INTEGER NOT NULL,
	beat   INTEGER NOT NULL,
	holder TEXT NOT NULL
) STRICT;
INSERT INTO lead_of_cell (cell, term, beat, holder) SELECT one, term, beat, holder FROM lead;
DROP TABLE lead;
ALTER TABLE lead_of_cell RENAME TO lead;

-- Which cell a reader is of; that from which it is being moved, which serves it, too, until it has come over (0: none);
-- and how often one of both has changed.
ALTER TABLE readers ADD COLUMN cell INTEGER NOT NULL DEFAULT 1;
ALTER TABLE readers ADD COLUMN from_cell INTEGER NOT NULL DEFAULT 0;
ALTER TABLE readers ADD COLUMN cell_changes INTEGER NOT NULL DEFAULT 0;
CREATE INDEX readers_by_cell ON readers (cell);
