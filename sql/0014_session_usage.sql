-- What a session's container used, now and then while it was ready: the more seldom, the older the
-- session is, so that a long one has some hundreds of rows. They go with their session.

CREATE TABLE session_usage (
    session_id   UUID            NOT NULL,
    at           DATETIME(3)     NOT NULL,
    memory_bytes BIGINT UNSIGNED NOT NULL,
    cpu_us       BIGINT UNSIGNED NOT NULL COMMENT 'since the container was started',
    disk_bytes   BIGINT UNSIGNED NOT NULL,
    processes    INT UNSIGNED    NOT NULL,
    oom_kills    INT UNSIGNED    NOT NULL COMMENT 'since the container was started',
    PRIMARY KEY (session_id, at),
    FOREIGN KEY (session_id) REFERENCES sessions (session_id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
