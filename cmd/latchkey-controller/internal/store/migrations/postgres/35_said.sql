-- Works with 30
-- What an act did and an alarm tells, in words that are said in the language of who reads them (language.Kept). text is the English.
ALTER TABLE audit ADD COLUMN said TEXT COLLATE "C" NOT NULL DEFAULT ''; -- '': there is English only
ALTER TABLE alarms ADD COLUMN said TEXT COLLATE "C" NOT NULL DEFAULT ''; -- the same
