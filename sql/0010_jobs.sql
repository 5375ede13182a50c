-- Agent jobs: an agent works on a checkout of a repository, and leaves an archive.

-- What the operator lets users run. One that is removed stays, for its jobs.
CREATE TABLE agents (
    agent_id        VARCHAR(64)  NOT NULL PRIMARY KEY,
    image           VARCHAR(63)  NULL COMMENT 'of the image store; NULL: it runs elsewhere',
    command         TEXT         NULL COMMENT 'in the repository; NULL: it runs elsewhere',
    timeout_seconds INT UNSIGNED NOT NULL,
    egress          VARCHAR(4096) NOT NULL DEFAULT 'none' COMMENT 'none, public, or allow:HOST,HOST',
    secrets         TEXT         NOT NULL DEFAULT '[]' COMMENT 'JSON: [{"name": variable, "file": path}]',
    price_cents     INT UNSIGNED NULL COMMENT 'NULL: the setting',
    created_at      DATETIME(6)  NOT NULL DEFAULT NOW(6),
    removed_at      DATETIME(6)  NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- pending -> starting -> running -> completed | error. A job of an agent that runs elsewhere goes
-- from pending to running when its runner takes it.
CREATE TABLE agent_jobs (
    job_id          UUID         NOT NULL PRIMARY KEY,
    user_id         UUID         NOT NULL,
    key_id          UUID         NULL COMMENT 'that it was created by; NULL: a token',
    agent_id        VARCHAR(64)  NOT NULL,
    elsewhere       BOOLEAN      NOT NULL COMMENT 'its runner is not ours',
    repo            VARCHAR(140) NOT NULL COMMENT 'owner/name',
    ref             VARCHAR(255) NULL,
    installation_id BIGINT       NULL COMMENT 'of the GitHub App, for a token; NULL: public, without one',
    price_cents     INT UNSIGNED NOT NULL COMMENT 'charged at its creation; 0: it costs nothing',
    status          ENUM('pending','starting','running','completed','error') NOT NULL DEFAULT 'pending',
    created_at      DATETIME(6)  NOT NULL DEFAULT NOW(6),
    started_at      DATETIME(6)  NULL,
    completed_at    DATETIME(6)  NULL,
    progress_pct    TINYINT UNSIGNED NOT NULL DEFAULT 0,
    progress_stage  VARCHAR(200) NULL,
    error_code      VARCHAR(64)  NULL,
    error_message   TEXT         NULL,
    secret_hash     BINARY(32)   NULL COMMENT 'SHA-256 of the secret of this attempt; NULL: none is valid',
    asked_to_end    BOOLEAN      NOT NULL DEFAULT FALSE COMMENT 'the agent said that it is done',
    result_bytes    BIGINT       NULL COMMENT 'NULL: no result',
    result_parts    MEDIUMTEXT   NULL COMMENT 'JSON: [{"name", "offset", "length"}] of the file',
    result_removed  BOOLEAN      NOT NULL DEFAULT FALSE,
    node            VARCHAR(64)  NULL COMMENT 'that ran it, or has its result',
    owner           UUID         NULL,
    attempt         INT UNSIGNED NOT NULL DEFAULT 0,
    lost            INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'so often its daemon died with it',
    container_id    UUID         NULL COMMENT 'of the newest attempt',
    KEY by_user (user_id, created_at, job_id),
    KEY by_time (created_at, job_id),
    KEY by_status (status, created_at),
    KEY by_result (result_removed, completed_at),
    FOREIGN KEY (user_id) REFERENCES users (user_id),
    FOREIGN KEY (agent_id) REFERENCES agents (agent_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- The end of what the agent printed.
CREATE TABLE agent_job_logs (
    job_id      UUID       NOT NULL PRIMARY KEY,
    log         MEDIUMBLOB NOT NULL COMMENT 'UTF-8, secrets masked',
    total_bytes BIGINT     NOT NULL COMMENT 'that it printed',
    FOREIGN KEY (job_id) REFERENCES agent_jobs (job_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- A result that came by PUT: a file that is to be checked before it is the job's.
-- pending -> accepted | refused.
CREATE TABLE agent_job_uploads (
    upload_id  UUID         NOT NULL PRIMARY KEY COMMENT 'the file is called so',
    job_id     UUID         NOT NULL,
    bytes      BIGINT       NOT NULL,
    status     ENUM('pending','accepted','refused') NOT NULL DEFAULT 'pending',
    error_code VARCHAR(64)  NULL,
    message    TEXT         NULL COMMENT 'why it was refused',
    node       VARCHAR(64)  NULL COMMENT 'that has the file; NULL: any',
    owner      UUID         NULL,
    attempt    INT UNSIGNED NOT NULL DEFAULT 0,
    created_at DATETIME(6)  NOT NULL DEFAULT NOW(6),
    ended_at   DATETIME(6)  NULL,
    KEY by_job (job_id),
    KEY by_status (status, created_at),
    FOREIGN KEY (job_id) REFERENCES agent_jobs (job_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Whoever ends a job, its container is to be stopped.
CREATE TRIGGER agent_jobs_end AFTER UPDATE ON agent_jobs FOR EACH ROW
    IF NEW.status <> OLD.status AND NEW.status IN ('completed','error') THEN
        UPDATE containers SET state = 'ended', ended_at = NEW.completed_at
         WHERE container_id = NEW.container_id AND state IN ('starting','running');
    END IF;
