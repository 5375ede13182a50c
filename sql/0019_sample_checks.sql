-- What came of the last check of a version of a sample (codesetctl task check): unchanged it must fail, with
-- its solution it must pass, each time.
CREATE TABLE sample_checks (
    dataset    VARCHAR(128) NOT NULL,
    sample_id  VARCHAR(190) NOT NULL,
    version    INT UNSIGNED NOT NULL,
    state      ENUM('good','slow','flaky','broken') NOT NULL,
    repeats    INT UNSIGNED NOT NULL COMMENT 'how often each half was verified',
    checked_at DATETIME(6)  NOT NULL DEFAULT NOW(6),
    detail     MEDIUMTEXT   NOT NULL COMMENT 'JSON: what task check tells of it',
    PRIMARY KEY (dataset, sample_id, version),
    KEY by_state (state, checked_at),
    FOREIGN KEY (dataset, sample_id, version) REFERENCES samples (dataset, sample_id, version) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- How a task is solved, where that is no patch: a shell script. Nobody but the operator sees it.
ALTER TABLE sample_answers ADD COLUMN solution MEDIUMTEXT NULL COMMENT 'shell; NULL: the patch is the solution';
