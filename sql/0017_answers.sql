-- Answers that the API does not show, tests that nobody is shown, and what of a change counts.
-- What is hidden lies in a table that the workers' account can't read.

CREATE TABLE sample_answers (
    row_id   BIGINT UNSIGNED NOT NULL PRIMARY KEY,
    json     MEDIUMTEXT NULL COMMENT 'the whole object, where samples.json is without its answers',
    held_out MEDIUMTEXT NULL COMMENT 'JSON array of tests that count and are never shown',
    fail_to_pass MEDIUMTEXT NULL COMMENT 'JSON arrays, where those of samples are empty, as the answers are hidden',
    pass_to_pass MEDIUMTEXT NULL,
    fail_to_fail MEDIUMTEXT NULL,
    FOREIGN KEY (row_id) REFERENCES samples (row_id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

ALTER TABLE datasets
    ADD COLUMN answers_hidden BOOLEAN NOT NULL DEFAULT FALSE COMMENT 'of what is imported from now on';

ALTER TABLE samples
    ADD COLUMN answers_hidden BOOLEAN NOT NULL DEFAULT FALSE,
    ADD COLUMN restore_list TEXT NULL COMMENT 'JSON array of patterns; NULL: none';
