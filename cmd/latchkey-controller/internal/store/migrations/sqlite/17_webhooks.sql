-- Where events are sent as they happen.
CREATE TABLE webhooks (
	id      INTEGER PRIMARY KEY AUTOINCREMENT,
	name    TEXT NOT NULL,
	url     TEXT NOT NULL UNIQUE,
	sealed  BLOB NOT NULL,         -- sealed: JSON of the secret that signs, and the header fields to send
	events  TEXT NOT NULL,         -- names, with a space between
	style   TEXT NOT NULL CHECK (style IN ('unifi', 'standard')),
	persons INTEGER NOT NULL CHECK (persons IN (0, 1)), -- their names are sent
	denied  INTEGER NOT NULL CHECK (denied IN (0, 1)),  -- so are attempts that opened nothing
	stopped TEXT NOT NULL,         -- why nothing is sent; '': it is
	created INTEGER NOT NULL,      -- Unix seconds
	cursor  INTEGER NOT NULL       -- id of the last event of the activity that is queued, or is not to be
) STRICT;

-- Hosts inside the network to which events may be sent all the same: name:port.
CREATE TABLE webhook_hosts (
	host    TEXT PRIMARY KEY,
	who     TEXT NOT NULL,         -- allowed it
	created INTEGER NOT NULL       -- Unix seconds
) STRICT, WITHOUT ROWID;

CREATE TABLE deliveries (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	webhook  INTEGER NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
	lane     INTEGER NOT NULL,     -- within which they are sent in order: the door; 0: none, -1: a test
	message  TEXT NOT NULL UNIQUE, -- its id for the receiver, the same in each attempt
	activity INTEGER NOT NULL,     -- id of the event; 0: a test
	event    TEXT NOT NULL,        -- name
	body     BLOB NOT NULL,        -- empty once it is delivered
	state    INTEGER NOT NULL CHECK (state IN (1, 2, 3)), -- waiting, delivered, failed
	attempts INTEGER NOT NULL,
	status   INTEGER NOT NULL,     -- HTTP status of the last answer; 0: there was none
	problem  TEXT NOT NULL,        -- of the last attempt
	at       INTEGER NOT NULL,     -- Unix milliseconds: of the event
	tried    INTEGER NOT NULL,     -- Unix seconds: the last attempt; 0: none
	since    INTEGER NOT NULL,     -- as a clock.Steady: since when it is to be delivered
	due      INTEGER NOT NULL      -- as a clock.Steady: not to be tried before
) STRICT;
CREATE INDEX deliveries_of ON deliveries (webhook, id);
CREATE INDEX deliveries_waiting ON deliveries (webhook, lane, id) WHERE state = 1;
CREATE INDEX deliveries_ended ON deliveries (webhook, state, id) WHERE state <> 1;
