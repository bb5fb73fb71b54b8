-- Whose certificates of endorsement keys the site trusts. None: TPMs are taken at their word.
CREATE TABLE tpm_authorities (
	certificate BLOB PRIMARY KEY, -- X.509, DER
	added       INTEGER NOT NULL
) STRICT;

-- The newest epoch whose PIN key a reader got in the clear; 0: it has said since that it holds
-- a later one, or never got any. What a reader has in a file is a thief's.
ALTER TABLE readers ADD COLUMN pin_epoch INTEGER NOT NULL DEFAULT 0;
UPDATE readers SET pin_epoch = (SELECT coalesce(max(number), 0) FROM epochs) - (SELECT coalesce(max(pin_tpm_only), 0) FROM site)
	WHERE id IN (SELECT reader_id FROM bundles WHERE revoked = 0 AND number NOT IN (SELECT bundle FROM budgets));
