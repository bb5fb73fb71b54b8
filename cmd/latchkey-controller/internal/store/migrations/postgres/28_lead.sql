-- Who leads the site: term rises with each lead. See lead.go.
CREATE TABLE lead (
	one    BIGINT PRIMARY KEY CHECK (one = 1),
	term   BIGINT NOT NULL,
	beat   BIGINT NOT NULL,
	holder TEXT COLLATE "C" NOT NULL
);
INSERT INTO lead (one, term, beat, holder) VALUES (1, 0, 0, '');
