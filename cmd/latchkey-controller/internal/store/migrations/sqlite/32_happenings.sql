-- Lists show one line for what happened, however many events tell of it.
ALTER TABLE activity ADD COLUMN part_of INTEGER NOT NULL DEFAULT 0; -- id of the event of which this one is a part; 0: it stands by itself
CREATE INDEX activity_parts ON activity (part_of, id) WHERE part_of <> 0;
CREATE INDEX activity_acts ON activity (kind, id) WHERE class = 'admin';

-- The orders that an act gave to readers.
CREATE TABLE act_orders (
	order_id  BLOB PRIMARY KEY CHECK (length(order_id) = 16),
	reader_id TEXT NOT NULL,
	act       INTEGER NOT NULL -- id of its event
) STRICT, WITHOUT ROWID;
CREATE INDEX act_orders_by_act ON act_orders (act);

-- The act that set a policy.
ALTER TABLE policies ADD COLUMN act          INTEGER NOT NULL DEFAULT 0; -- id of its event; 0: none did
ALTER TABLE policies ADD COLUMN act_revision INTEGER NOT NULL DEFAULT 0; -- which it set: one that is not the policy's own says nothing

-- What the next records of a journal may be part of: ids of events; 0: none.
ALTER TABLE journals ADD COLUMN opener      INTEGER NOT NULL DEFAULT 0; -- let somebody open the door
ALTER TABLE journals ADD COLUMN opens_until INTEGER NOT NULL DEFAULT 0; -- the opening counts as theirs, milliseconds that the reader has run
ALTER TABLE journals ADD COLUMN opening     INTEGER NOT NULL DEFAULT 0; -- of the door, which is open
ALTER TABLE journals ADD COLUMN told        INTEGER NOT NULL DEFAULT 0; -- the number of the record up to which these are so
