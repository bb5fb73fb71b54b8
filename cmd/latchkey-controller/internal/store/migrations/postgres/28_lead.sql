-- Who leads the site: term rises with each lead. See lead.go.
CREATE TABLE lead (
	one    BIGINT PRIMARY KEY CHECK (one = 1),
	term   BIGINT NOT NULL,
	beat   BIGINT NOT NULL,
	holder TEXT COLLATE "C" NOT NULL
);
INSERT INTO lead (one, term, beat, holder) VALUES (1, 0, 0, '');

-- What the server's clock said when the row was written, Unix milliseconds: machines that take turns tell by it how much
-- time has passed. 0: not known, or there is no server.
ALTER TABLE clock ADD COLUMN shared BIGINT NOT NULL DEFAULT 0;
