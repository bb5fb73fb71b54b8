-- A cell is the brokers of some of a site's readers and the controllers that serve them there. See cell.go.
CREATE TABLE cell (
	id       BIGINT PRIMARY KEY,
	name     TEXT COLLATE "C" NOT NULL UNIQUE,
	brokers  TEXT COLLATE "C" NOT NULL, -- URLs that its readers are told of, in order, with spaces between; '': as each bundle and policy says
	revision BIGINT NOT NULL            -- rises with each change
);
INSERT INTO cell (id, name, brokers, revision) VALUES (1, 'main', '', 1);

-- Who leads: a row for each cell that anybody has led.
ALTER TABLE lead DROP CONSTRAINT lead_one_check;
ALTER TABLE lead RENAME one TO cell;

-- Which cell a reader is of; that from which it is being moved, which serves it, too, until it has come over (0: none);
-- and how often one of both has changed.
ALTER TABLE readers ADD COLUMN cell BIGINT NOT NULL DEFAULT 1;
ALTER TABLE readers ADD COLUMN from_cell BIGINT NOT NULL DEFAULT 0;
ALTER TABLE readers ADD COLUMN cell_changes BIGINT NOT NULL DEFAULT 0;
CREATE INDEX readers_by_cell ON readers (cell);
