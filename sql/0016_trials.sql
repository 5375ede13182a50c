-- Verifiers whose runner is not the code under test.

ALTER TABLE samples
    ADD COLUMN trial TEXT NULL COMMENT 'JSON, as docs/verdicts.md says; NULL: verifier_command alone decides';
