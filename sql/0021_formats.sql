-- What other makers' data sets need: a command at the start of a session, tests that must fail, and
-- what is still to be done by hand before a sample can be run.

ALTER TABLE samples
    ADD COLUMN setup_command  TEXT    NULL COMMENT 'run once, before a session is ready',
    ADD COLUMN exact_outcomes BOOLEAN NOT NULL DEFAULT FALSE COMMENT 'what fail_to_fail names must fail',
    ADD COLUMN needs          TEXT    NULL COMMENT 'JSON array: what must be done by hand first; NULL: nothing';
ALTER TABLE datasets
    ADD COLUMN format VARCHAR(32) NULL COMMENT 'of the last import, by dataset/formats.h';
