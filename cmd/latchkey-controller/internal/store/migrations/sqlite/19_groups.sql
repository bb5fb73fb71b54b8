-- Numbers of groups, by which programs know them: a group keeps its number when it is renamed,
-- and when nobody is in it for a while.
CREATE TABLE groups (
	number INTEGER PRIMARY KEY AUTOINCREMENT,
	name   TEXT NOT NULL UNIQUE,
	made   INTEGER NOT NULL DEFAULT 0 CHECK (made IN (0, 1)) -- it is there even if nobody is in it and no policy names it
) STRICT;
INSERT INTO groups (name) VALUES ('everyone');
INSERT OR IGNORE INTO groups (name) SELECT DISTINCT name FROM user_groups ORDER BY name;

CREATE TRIGGER group_has_user AFTER INSERT ON user_groups BEGIN
	INSERT OR IGNORE INTO groups (name) VALUES (new.name);
END;
