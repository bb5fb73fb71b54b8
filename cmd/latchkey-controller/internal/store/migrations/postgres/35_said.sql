-- Works with 30
-- What an act did, in words that are said in the language of who reads them (language.Kept). text is the English.
ALTER TABLE audit ADD COLUMN said TEXT COLLATE "C" NOT NULL DEFAULT ''; -- '': there is English only
