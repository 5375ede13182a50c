-- The schema. Ids are UUIDv7 made by whoever creates the row; times are UTC; texts compare
-- byte by byte, blanks at the end included, unless a column says otherwise.

CREATE TABLE users (
    user_id           UUID         NOT NULL PRIMARY KEY,
    name              VARCHAR(255) NOT NULL,
    email             VARCHAR(320) NOT NULL,
    github_id         VARCHAR(32)  NULL UNIQUE,
    github_login      VARCHAR(64)  NULL,
    created_at        DATETIME(6)  NOT NULL DEFAULT NOW(6),
    last_login_at     DATETIME(6)  NULL,
    is_active         BOOLEAN      NOT NULL DEFAULT TRUE,
    terms_accepted_at DATETIME(6)  NULL,
    terms_version     VARCHAR(32)  NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE api_keys (
    key_id       UUID         NOT NULL PRIMARY KEY,
    user_id      UUID         NOT NULL,
    key_hash     BINARY(32)   NOT NULL UNIQUE COMMENT 'SHA-256 of the whole key',
    masked       VARCHAR(64)  NOT NULL COMMENT 'first 12 and last 4 characters',
    name         VARCHAR(255) NULL,
    created_at   DATETIME(6)  NOT NULL DEFAULT NOW(6),
    expires_at   DATETIME(6)  NULL,
    is_active    BOOLEAN      NOT NULL DEFAULT TRUE,
    last_used_at DATETIME(6)  NULL,
    KEY by_user (user_id, created_at),
    FOREIGN KEY (user_id) REFERENCES users (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE datasets (
    name        VARCHAR(128) NOT NULL PRIMARY KEY,
    description TEXT         NULL,
    created_at  DATETIME(6)  NOT NULL DEFAULT NOW(6)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- A row is a version of a sample and is never changed but for `latest`. What the API says of it
-- is rendered once, at import: `json` is the object, `deflated` the same bytes as raw deflate
-- blocks that end on a byte boundary and refer to nothing before them (Z_FULL_FLUSH), so that a
-- gzip stream of a page is made by putting such pieces behind one another.
CREATE TABLE samples (
    row_id              BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    dataset             VARCHAR(128) NOT NULL,
    sample_id           VARCHAR(190) NOT NULL,
    version             INT UNSIGNED NOT NULL,
    latest              BOOLEAN      NULL COMMENT 'TRUE or NULL, so that a unique key holds',
    instance_id         VARCHAR(190) COLLATE utf8mb4_general_nopad_ci NOT NULL,
    language            VARCHAR(32)  NOT NULL,
    verifier            ENUM('test_suite','static_analysis','linter','custom') NOT NULL,
    image               VARCHAR(63)  NULL COMMENT 'NULL: can be read, not run',
    verifier_image      VARCHAR(63)  NULL COMMENT 'of the grading container; NULL: image',
    repo_path           VARCHAR(255) NOT NULL,
    verifier_command    TEXT         NOT NULL,
    report_paths        TEXT         NOT NULL COMMENT 'JSON array of globs; [] : by language',
    verify_timeout      INT UNSIGNED NULL COMMENT 'seconds; NULL: the setting',
    fail_to_pass        MEDIUMTEXT   NOT NULL COMMENT 'JSON array',
    pass_to_pass        MEDIUMTEXT   NOT NULL COMMENT 'JSON array',
    fail_to_fail        MEDIUMTEXT   NOT NULL COMMENT 'JSON array',
    version_description TEXT         NULL,
    created_at          DATETIME(6)  NULL COMMENT 'of the sample, as imported',
    imported_at         DATETIME(6)  NOT NULL DEFAULT NOW(6),
    content_hash        BINARY(32)   NOT NULL COMMENT 'of the imported line: the same is no new version',
    json                MEDIUMTEXT   NOT NULL,
    deflated            MEDIUMBLOB   NOT NULL,
    json_length         INT UNSIGNED NOT NULL,
    json_crc32          INT UNSIGNED NOT NULL,
    UNIQUE KEY one_version (dataset, sample_id, version),
    UNIQUE KEY one_latest (dataset, sample_id, latest),
    KEY listed (latest, dataset, sample_id),
    FOREIGN KEY (dataset) REFERENCES datasets (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- A claim (node, owner, attempt, lease_until): node is the host's name, owner one run of the
-- daemon there. A result is written only WHERE owner and attempt still match.
CREATE TABLE sessions (
    session_id     UUID         NOT NULL PRIMARY KEY,
    user_id        UUID         NOT NULL,
    dataset        VARCHAR(128) NOT NULL,
    sample_id      VARCHAR(190) NOT NULL,
    version        INT UNSIGNED NOT NULL,
    status         ENUM('creating','ready','error','closed','terminated') NOT NULL DEFAULT 'creating',
    requested_at   DATETIME(6)  NOT NULL DEFAULT NOW(6),
    created_at     DATETIME(6)  NULL COMMENT 'ready, and billed from then on',
    expires_at     DATETIME(6)  NOT NULL,
    ended_at       DATETIME(6)  NULL,
    error_code     VARCHAR(64)  NULL,
    error_message  TEXT         NULL,
    container_name VARCHAR(63)  NULL,
    location       VARCHAR(64)  NULL,
    cleaned        BOOLEAN      NOT NULL DEFAULT FALSE COMMENT 'the container is gone',
    node           VARCHAR(64)  NULL,
    owner          UUID         NULL,
    attempt        INT UNSIGNED NOT NULL DEFAULT 0,
    lease_until    DATETIME(6)  NULL,
    KEY by_user (user_id, requested_at),
    KEY by_status (status, expires_at),
    KEY uncleaned (cleaned, node, status),
    FOREIGN KEY (user_id) REFERENCES users (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE interactions (
    interaction_id         UUID         NOT NULL PRIMARY KEY,
    session_id             UUID         NOT NULL,
    interaction_type       ENUM('exec_command','string_replace','file_upload') NOT NULL,
    status                 ENUM('pending','processing','completed','failed') NOT NULL DEFAULT 'pending',
    created_at             DATETIME(6)  NOT NULL DEFAULT NOW(6),
    started_at             DATETIME(6)  NULL,
    ended_at               DATETIME(6)  NULL,
    command                MEDIUMTEXT   NULL,
    command_timeout        INT UNSIGNED NULL,
    file_path              TEXT         NULL,
    str_to_replace         MEDIUMTEXT   NULL,
    str_to_insert          MEDIUMTEXT   NULL,
    content                LONGBLOB     NULL COMMENT 'of an upload, until it is done',
    make_executable        BOOLEAN      NOT NULL DEFAULT FALSE,
    size_bytes             BIGINT       NULL,
    exit_code              INT          NULL,
    stdout                 MEDIUMTEXT   NULL,
    stderr                 MEDIUMTEXT   NULL,
    execution_time_seconds DOUBLE       NULL,
    success                BOOLEAN      NULL,
    message                TEXT         NULL,
    node                   VARCHAR(64)  NULL,
    owner                  UUID         NULL,
    attempt                INT UNSIGNED NOT NULL DEFAULT 0,
    lease_until            DATETIME(6)  NULL,
    KEY by_session (session_id, status),
    KEY by_status (status, created_at),
    FOREIGN KEY (session_id) REFERENCES sessions (session_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE verifications (
    job_id         UUID         NOT NULL PRIMARY KEY,
    session_id     UUID         NOT NULL,
    status         ENUM('pending','starting','running','completed','error','cancelled') NOT NULL DEFAULT 'pending',
    created_at     DATETIME(6)  NOT NULL DEFAULT NOW(6),
    started_at     DATETIME(6)  NULL,
    completed_at   DATETIME(6)  NULL,
    result         LONGTEXT     NULL COMMENT 'TestSuiteResult, rendered',
    is_success     BOOLEAN      NULL,
    error_code     VARCHAR(64)  NULL,
    error_message  TEXT         NULL,
    container_name VARCHAR(63)  NULL,
    location       VARCHAR(64)  NULL,
    node           VARCHAR(64)  NULL,
    owner          UUID         NULL,
    attempt        INT UNSIGNED NOT NULL DEFAULT 0,
    lease_until    DATETIME(6)  NULL,
    KEY by_session (session_id, status),
    KEY by_status (status, created_at),
    FOREIGN KEY (session_id) REFERENCES sessions (session_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- The daemons, for /health: a row a host, renewed with every sweep.
CREATE TABLE nodes (
    name         VARCHAR(64) NOT NULL PRIMARY KEY,
    location     VARCHAR(64) NOT NULL,
    version      VARCHAR(32) NOT NULL,
    heartbeat_at DATETIME(6) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
