-- The first request with an Idempotency-Key, for a day. What a repeated one did is not kept here: it
-- gets the time and the seed of the first, makes the same ids of them, and meets the same rows.
CREATE TABLE idempotency_keys (
    scope_hash   BINARY(32)      NOT NULL PRIMARY KEY COMMENT 'SHA-256 of user, method, path and key',
    body_hash    BINARY(32)      NOT NULL COMMENT 'SHA-256',
    request_ms   BIGINT UNSIGNED NOT NULL COMMENT 'when the first request came, since 1970',
    request_seed BINARY(16)      NOT NULL COMMENT 'its X-Request-Id',
    created_at   DATETIME(6)     NOT NULL DEFAULT NOW(6),
    KEY by_age (created_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
