-- Rises with each end of an administrator's sessions: a sign-in that was under way
-- ends with them.
ALTER TABLE admins ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;

-- Each name that an entry of the activity bears, once.
CREATE TABLE names (
	id    INTEGER PRIMARY KEY,
	name  TEXT NOT NULL UNIQUE,
	words TEXT NOT NULL            -- as users.words
) STRICT;
-- Names of then, 0: none.
ALTER TABLE activity ADD COLUMN subject INTEGER NOT NULL DEFAULT 0; -- of the user, or of what an act was done to
ALTER TABLE activity ADD COLUMN door    INTEGER NOT NULL DEFAULT 0; -- of the reader's door
ALTER TABLE activity ADD COLUMN who     INTEGER NOT NULL DEFAULT 0; -- of the administrator
ALTER TABLE activity ADD COLUMN tries   INTEGER NOT NULL DEFAULT 0; -- wrong PINs in a row that would lock PIN entry; 0: not known
CREATE INDEX activity_by_subject ON activity (subject, id) WHERE subject <> 0;
CREATE INDEX activity_by_door ON activity (door, id) WHERE door <> 0;
CREATE INDEX activity_by_who ON activity (who, id) WHERE who <> 0;
-- Users whom an entry names besides.
CREATE TABLE besides (
	activity INTEGER NOT NULL REFERENCES activity (id) ON DELETE CASCADE,
	user_id  INTEGER NOT NULL,
	name     INTEGER NOT NULL REFERENCES names (id),
	PRIMARY KEY (activity, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX besides_by_name ON besides (name, activity);
