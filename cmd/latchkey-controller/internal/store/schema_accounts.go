package store

// accountSchema is what acts of administrators that overlap are told apart by.
const accountSchema = `
-- Rises with each end of an administrator's sessions: a sign-in that was under way
-- ends with them.
ALTER TABLE admins ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
`
