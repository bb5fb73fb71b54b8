-- Works with 30
-- Users by when they were last let in.
CREATE INDEX users_seen ON users (seen) WHERE seen <> 0;
