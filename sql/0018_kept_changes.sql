-- What a session had changed when it was verified, so that the verdict can be reached again without it.

CREATE TABLE verification_changes (
    job_id       UUID            NOT NULL PRIMARY KEY,
    created_at   DATETIME(6)     NOT NULL DEFAULT NOW(6),
    bytes        BIGINT UNSIGNED NOT NULL COMMENT 'of the archive',
    stored_bytes INT UNSIGNED    NOT NULL COMMENT 'of the next column',
    archive      MEDIUMBLOB      NULL COMMENT 'as zlib packs it; NULL: it was more than is kept',
    KEY by_age (created_at),
    FOREIGN KEY (job_id) REFERENCES verifications (job_id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- A verification of another one's kept changes, which needs no session. It never changes that one.
ALTER TABLE verifications
    ADD COLUMN regrade_of UUID NULL,
    ADD COLUMN regrade_latest BOOLEAN NOT NULL DEFAULT FALSE COMMENT 'by the latest version of the sample';
