-- The journal has told of a budget of its reader's TPM, so that the attempts in it count.
ALTER TABLE journals ADD COLUMN counts INTEGER NOT NULL DEFAULT 0 CHECK (counts IN (0, 1));
UPDATE journals SET counts = 1 WHERE reader_id IN (SELECT u.reader_id FROM budgets b JOIN bundles u ON u.number = b.bundle);
