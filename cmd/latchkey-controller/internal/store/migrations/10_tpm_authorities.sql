-- Whose certificates of endorsement keys the site trusts. None: TPMs are taken at their word.
CREATE TABLE tpm_authorities (
	certificate BLOB PRIMARY KEY, -- X.509, DER
	added       INTEGER NOT NULL
) STRICT;
