-- Whose limit a 429 was: the account's plan or the service. Of calls that were written before nobody knows any more.

ALTER TABLE calls ADD COLUMN limited_by INTEGER;  -- index into rows.LIMITED_BY
