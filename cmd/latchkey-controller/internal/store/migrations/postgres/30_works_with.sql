-- The oldest version of the schema whose programs work with this one, too. See side_by_side.go. Older programs look at
-- the columns of schema_version to know the database, so it stays as it is.
CREATE TABLE schema_works_with (
	one     BIGINT PRIMARY KEY CHECK (one = 1),
	version BIGINT NOT NULL
);
INSERT INTO schema_works_with (one, version) VALUES (1, 30);
