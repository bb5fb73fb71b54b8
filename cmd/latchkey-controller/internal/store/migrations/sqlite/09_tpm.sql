-- Epochs whose site key yields a PIN key and a card key. Of older ones it is both.
ALTER TABLE epochs ADD COLUMN split INTEGER NOT NULL DEFAULT 0 CHECK (split IN (0, 1));

-- x'': the key is made when the site is opened.
ALTER TABLE site ADD COLUMN grant_key BLOB NOT NULL DEFAULT x''; -- sealed: ECDSA P-256, PKCS #8
ALTER TABLE site ADD COLUMN pin_tpm_only INTEGER NOT NULL DEFAULT 0 CHECK (pin_tpm_only IN (0, 1)); -- readers without a TPM get no PIN key
ALTER TABLE site ADD COLUMN guess_budget INTEGER NOT NULL DEFAULT 500 CHECK (guess_budget BETWEEN 10 AND 10000);

ALTER TABLE readers ADD COLUMN keys INTEGER NOT NULL DEFAULT 1; -- number of the newest keys that it gets

-- The indexes in readers' TPMs that count PINs. The newest of a bundle is the one in use;
-- a bundle without any is that of a reader without a TPM.
CREATE TABLE budgets (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	ref       BLOB NOT NULL UNIQUE CHECK (length(ref) = 32), -- one first grant each
	bundle    INTEGER NOT NULL REFERENCES bundles (number),
	created   INTEGER NOT NULL,
	nonce     BLOB NOT NULL CHECK (length(nonce) IN (0, 32)), -- of the first grant; x'': none was given
	automatic INTEGER NOT NULL CHECK (automatic IN (0, 1)),   -- nobody asked for it
	granted   INTEGER NOT NULL,    -- the highest limit given
	attempts  INTEGER NOT NULL DEFAULT 0, -- records of attempts that came since
	spent     INTEGER NOT NULL DEFAULT 0, -- as the reader says
	top       INTEGER NOT NULL DEFAULT 0, -- limit, as the reader says; 0: it has not said yet
	surplus   INTEGER NOT NULL DEFAULT 0, -- of spent over attempts, that an alarm tells of
	keys      BLOB NOT NULL        -- of the newest epoch, wrapped to the TPM, with the newest grant: as encoded
) STRICT;
CREATE INDEX budgets_by_bundle ON budgets (bundle);

-- How many PINs a reader's TPM was granted on a day, and whether it was said that it wants
-- more than it gets.
ALTER TABLE allowances ADD COLUMN granted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE allowances ADD COLUMN grant_said INTEGER NOT NULL DEFAULT 0 CHECK (grant_said IN (0, 1));

-- How often PINs are entered at a reader.
CREATE INDEX attempts ON records (reader_id, received) WHERE kind = 'attempt.started';
