-- Works with 30
-- The boards of readers that were removed as lost, and the users whose PIN or cards those may have disclosed.
ALTER TABLE bundles ADD COLUMN lost BIGINT NOT NULL DEFAULT 0 CHECK (lost IN (0, 1)); -- its reader was removed as lost
UPDATE bundles SET lost = 1 WHERE reader_id IN (SELECT id FROM readers WHERE removed = 'lost')
	AND number = (SELECT max(newest.number) FROM bundles newest WHERE newest.reader_id = bundles.reader_id);
CREATE INDEX credentials_exposed ON credentials (user_id) WHERE exposed <> 0;
