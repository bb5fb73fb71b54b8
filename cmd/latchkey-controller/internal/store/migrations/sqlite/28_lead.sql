-- Who leads the site: term rises with each lead. See lead.go.
CREATE TABLE lead (
	one    INTEGER PRIMARY KEY CHECK (one = 1),
	term   INTEGER NOT NULL,
	beat   INTEGER NOT NULL,
	holder TEXT NOT NULL
) STRICT;
INSERT INTO lead (one, term, beat, holder) VALUES (1, 0, 0, '');

-- What the server's clock said when the row was written, Unix milliseconds: machines that take turns tell by it how much
-- time has passed. 0: not known, or there is no server.
ALTER TABLE clock ADD COLUMN shared INTEGER NOT NULL DEFAULT 0;
