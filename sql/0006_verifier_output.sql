-- What a verifier did, for whoever has to find out why a verification ended as it did.

CREATE TABLE verifier_runs (
    job_id       UUID              NOT NULL PRIMARY KEY,
    exit_status  SMALLINT UNSIGNED NULL COMMENT 'NULL: it did not end by itself, or never ran',
    timed_out    BOOLEAN           NOT NULL DEFAULT FALSE,
    seconds      DOUBLE            NULL COMMENT 'NULL: it never ran',
    reason       TEXT              NULL COMMENT 'of the log: why no success, or no verdict',
    report_paths TEXT              NULL COMMENT 'JSON array: the patterns that were looked for',
    found        TEXT              NULL COMMENT 'what was found in the grading container instead',
    stdout       MEDIUMTEXT        NULL COMMENT 'its end; NULL where the result has it all',
    stderr       MEDIUMTEXT        NULL,
    FOREIGN KEY (job_id) REFERENCES verifications (job_id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

ALTER TABLE samples
    ADD COLUMN hide_verifier_output BOOLEAN NOT NULL DEFAULT FALSE;
