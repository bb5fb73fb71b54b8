-- Who leads the site: term rises with each lead. See lead.go.
CREATE TABLE lead (
	one    INTEGER PRIMARY KEY CHECK (one = 1),
	term   INTEGER NOT NULL,
	beat   INTEGER NOT NULL,
	holder TEXT NOT NULL
) STRICT;
INSERT INTO lead (one, term, beat, holder) VALUES (1, 0, 0, '');
