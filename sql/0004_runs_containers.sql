-- Runs of the daemon and containers as rows of their own; claims by run and attempt; outputs and
-- uploads apart from their interactions; lists by number instead of by counting.
--
-- The release before goes on while this is applied and until it is restarted: its workers notice
-- nothing. Its daemon takes no new work from the first statement on, for its claims write a column
-- that is gone; what it had begun it finishes. So nothing here moves under a claim.

ALTER TABLE sessions DROP COLUMN lease_until;
ALTER TABLE interactions DROP COLUMN lease_until, DROP COLUMN node;
ALTER TABLE verifications DROP COLUMN lease_until;

-- A host by its name, bound to the machine that first came with it. What else a row says is of the
-- release before, and not read any more.
ALTER TABLE nodes
    ADD COLUMN machine_id VARCHAR(64) NOT NULL DEFAULT '' COMMENT 'empty: no daemon since said it',
    MODIFY COLUMN location VARCHAR(64) NOT NULL DEFAULT '',
    MODIFY COLUMN version VARCHAR(32) NOT NULL DEFAULT '',
    MODIFY COLUMN heartbeat_at DATETIME(6) NOT NULL DEFAULT NOW(6);

-- One life of a daemon. It is dead when ended_at is set or its heartbeat is older than
-- lease_seconds; then what it had claimed is free.
CREATE TABLE runs (
    run_id       UUID        NOT NULL PRIMARY KEY,
    node         VARCHAR(64) NOT NULL,
    machine_id   VARCHAR(64) NOT NULL,
    boot_id      VARCHAR(64) NOT NULL COMMENT 'empty: of the release before, unknown',
    location     VARCHAR(64) NOT NULL,
    version      VARCHAR(32) NOT NULL,
    started_at   DATETIME(6) NOT NULL DEFAULT NOW(6),
    heartbeat_at DATETIME(6) NOT NULL DEFAULT NOW(6),
    ended_at     DATETIME(6) NULL,
    KEY by_node (node, heartbeat_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- starting -> running -> ended (nobody wants it, its node is to stop it) -> gone (it has).
CREATE TABLE containers (
    container_id UUID         NOT NULL PRIMARY KEY,
    node         VARCHAR(64)  NOT NULL,
    run_id       UUID         NULL COMMENT 'that made it',
    engine       VARCHAR(32)  NOT NULL DEFAULT 'oci',
    kind         ENUM('session','grading','job') NOT NULL,
    work_id      UUID         NOT NULL COMMENT 'the session or job that it was made for',
    image        VARCHAR(63)  NULL,
    address      VARCHAR(255) NULL COMMENT 'of its agent; NULL: the engine knows',
    state        ENUM('starting','running','ended','gone') NOT NULL DEFAULT 'starting',
    created_at   DATETIME(6)  NOT NULL DEFAULT NOW(6),
    started_at   DATETIME(6)  NULL,
    ended_at     DATETIME(6)  NULL,
    gone_at      DATETIME(6)  NULL,
    KEY by_node (node, state),
    KEY by_end (gone_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- A node that could not start a session: it is not offered it again.
CREATE TABLE session_declines (
    session_id  UUID        NOT NULL,
    node        VARCHAR(64) NOT NULL,
    code        VARCHAR(64) NOT NULL,
    declined_at DATETIME(6) NOT NULL DEFAULT NOW(6),
    PRIMARY KEY (session_id, node),
    FOREIGN KEY (session_id) REFERENCES sessions (session_id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- What a command said. Of the release before it lies in interactions.stdout and stderr, which are
-- read where there is no row here.
CREATE TABLE interaction_outputs (
    interaction_id UUID       NOT NULL PRIMARY KEY,
    stdout         MEDIUMTEXT NULL,
    stderr         MEDIUMTEXT NULL,
    FOREIGN KEY (interaction_id) REFERENCES interactions (interaction_id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- The bytes of an upload, until it is done. Of the release before: interactions.content.
CREATE TABLE interaction_contents (
    interaction_id UUID     NOT NULL PRIMARY KEY,
    content        LONGBLOB NOT NULL,
    FOREIGN KEY (interaction_id) REFERENCES interactions (interaction_id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- How many of a user's sessions numbered chunk * 1000 to chunk * 1000 + 999 there are, and how
-- many have ended how; kept by triggers. For lists: totals and deep pages without counting rows.
CREATE TABLE session_counts (
    user_id      UUID         NOT NULL,
    chunk        INT UNSIGNED NOT NULL,
    n_total      INT UNSIGNED NOT NULL,
    n_closed     INT UNSIGNED NOT NULL,
    n_error      INT UNSIGNED NOT NULL,
    n_terminated INT UNSIGNED NOT NULL,
    PRIMARY KEY (user_id, chunk)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

ALTER TABLE sessions
    ADD COLUMN container_id UUID NULL COMMENT 'of the last attempt',
    ADD COLUMN user_seq INT UNSIGNED NULL COMMENT '1, 2, 3 ... of the user; given by a trigger',
    ADD COLUMN outputs_pruned BOOLEAN NOT NULL DEFAULT FALSE;

ALTER TABLE verifications
    ADD COLUMN container_id UUID NULL COMMENT 'of the last attempt';

-- The daemons that hold something now. That a run of the same node comes after them is what ends
-- them.
INSERT INTO runs (run_id, node, machine_id, boot_id, location, version, started_at, heartbeat_at)
    SELECT s.owner, s.node, '', '', IFNULL(MAX(n.location), ''), IFNULL(MAX(n.version), ''),
           IFNULL(MAX(n.heartbeat_at), NOW(6)), IFNULL(MAX(n.heartbeat_at), NOW(6))
      FROM sessions s LEFT JOIN nodes n ON n.name = s.node
     WHERE s.status IN ('creating','ready') AND s.owner IS NOT NULL AND s.node IS NOT NULL
     GROUP BY s.owner, s.node
    ON DUPLICATE KEY UPDATE version = VALUE(version);

-- A container for each session and verification that may have one. Its id is theirs, so that the
-- name cs-<id> or cv-<id> that it was started with stays true.
INSERT INTO containers (container_id, node, run_id, kind, work_id, image, state, created_at,
                        started_at, ended_at)
    SELECT s.session_id, s.node, s.owner, 'session', s.session_id, p.image,
           CASE s.status WHEN 'creating' THEN 'starting' WHEN 'ready' THEN 'running'
                ELSE 'ended' END,
           s.requested_at, s.created_at, s.ended_at
      FROM sessions s LEFT JOIN samples p USING (dataset, sample_id, version)
     WHERE s.node IS NOT NULL AND NOT s.cleaned;

UPDATE sessions SET container_id = session_id WHERE node IS NOT NULL AND NOT cleaned;

INSERT INTO containers (container_id, node, run_id, kind, work_id, image, state, created_at,
                        started_at)
    SELECT v.job_id, v.node, v.owner, 'grading', v.job_id, IFNULL(p.verifier_image, p.image),
           IF(v.status = 'running', 'running', 'starting'), v.created_at, v.started_at
      FROM verifications v JOIN sessions s USING (session_id)
      LEFT JOIN samples p USING (dataset, sample_id, version)
     WHERE v.node IS NOT NULL AND v.status IN ('starting','running');

UPDATE verifications SET container_id = job_id
 WHERE node IS NOT NULL AND status IN ('starting','running');

-- Each session's number is worked out while requests go on. Those that have ended, which hardly a
-- request locks, get theirs in small steps. The others, few, and those that came in meanwhile
-- follow under a lock, which finds and counts them by indexes.
CREATE TABLE session_numbers (
    place      INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    session_id UUID         NOT NULL UNIQUE,
    user_id    UUID         NOT NULL,
    user_seq   INT UNSIGNED NOT NULL,
    KEY by_user (user_id, user_seq)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

INSERT INTO session_numbers (session_id, user_id, user_seq)
    SELECT session_id, user_id,
           ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY requested_at, session_id)
      FROM sessions;

BEGIN NOT ATOMIC
    DECLARE done INT UNSIGNED DEFAULT 0;
    DECLARE last INT UNSIGNED DEFAULT (SELECT IFNULL(MAX(place), 0) FROM session_numbers);

    WHILE done < last DO
        UPDATE session_numbers n STRAIGHT_JOIN sessions s ON s.session_id = n.session_id
           SET s.user_seq = n.user_seq
         WHERE n.place > done AND n.place <= done + 2000 AND
               s.status IN ('error','closed','terminated');
        SET done = done + 2000;
    END WHILE;
END;

INSERT INTO session_counts (user_id, chunk, n_total, n_closed, n_error, n_terminated)
    SELECT user_id, user_seq DIV 1000, COUNT(*), SUM(status = 'closed'), SUM(status = 'error'),
           SUM(status = 'terminated')
      FROM sessions WHERE user_seq IS NOT NULL GROUP BY user_id, user_seq DIV 1000;

ALTER TABLE sessions
    ADD UNIQUE INDEX by_number (user_id, user_seq),
    ADD INDEX by_user_status (user_id, status, user_seq),
    ADD INDEX by_end (outputs_pruned, ended_at);

CREATE TABLE session_late (
    session_id UUID         NOT NULL PRIMARY KEY,
    user_seq   INT UNSIGNED NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

LOCK TABLES users AS u READ, session_numbers AS n READ, session_numbers AS m READ,
            session_late WRITE, session_late AS l WRITE, sessions WRITE, sessions AS s WRITE,
            containers WRITE, session_counts WRITE, verifications WRITE, verifications AS v WRITE;

INSERT INTO session_late (session_id, user_seq)
    SELECT s.session_id,
           IFNULL(n.user_seq,
                  IFNULL((SELECT m.user_seq FROM session_numbers m WHERE m.user_id = s.user_id
                           ORDER BY m.user_seq DESC LIMIT 1), 0) +
                  ROW_NUMBER() OVER (PARTITION BY s.user_id, n.session_id IS NULL
                                     ORDER BY s.requested_at, s.session_id))
      FROM users u STRAIGHT_JOIN sessions s ON s.user_id = u.user_id AND s.user_seq IS NULL
      LEFT JOIN session_numbers n ON n.session_id = s.session_id;

UPDATE session_late l STRAIGHT_JOIN sessions s ON s.session_id = l.session_id
   SET s.user_seq = l.user_seq;

INSERT INTO session_counts (user_id, chunk, n_total, n_closed, n_error, n_terminated)
    SELECT s.user_id, l.user_seq DIV 1000, COUNT(*), SUM(s.status = 'closed'),
           SUM(s.status = 'error'), SUM(s.status = 'terminated')
      FROM session_late l STRAIGHT_JOIN sessions s ON s.session_id = l.session_id
     GROUP BY s.user_id, l.user_seq DIV 1000
    ON DUPLICATE KEY UPDATE n_total = n_total + VALUE(n_total),
        n_closed = n_closed + VALUE(n_closed), n_error = n_error + VALUE(n_error),
        n_terminated = n_terminated + VALUE(n_terminated);

-- Ended between the making of its container's row and now.
UPDATE containers SET state = 'ended', ended_at = NOW(6)
 WHERE state IN ('starting','running') AND
       (EXISTS (SELECT 1 FROM sessions s WHERE s.container_id = containers.container_id AND
                s.session_id = containers.work_id AND s.status IN ('error','closed','terminated'))
        OR EXISTS (SELECT 1 FROM verifications v WHERE v.container_id = containers.container_id AND
                   v.job_id = containers.work_id AND v.status IN ('completed','error','cancelled')));

-- Under the user's row lock, which whoever creates a session takes first.
CREATE TRIGGER sessions_number BEFORE INSERT ON sessions FOR EACH ROW
    SET NEW.user_seq = (SELECT IFNULL(MAX(user_seq), 0) + 1 FROM sessions
                         WHERE user_id = NEW.user_id);

CREATE TRIGGER sessions_count AFTER INSERT ON sessions FOR EACH ROW
    INSERT INTO session_counts (user_id, chunk, n_total, n_closed, n_error, n_terminated)
        VALUES (NEW.user_id, NEW.user_seq DIV 1000, 1, NEW.status = 'closed',
                NEW.status = 'error', NEW.status = 'terminated')
        ON DUPLICATE KEY UPDATE n_total = n_total + 1, n_closed = n_closed + VALUE(n_closed),
            n_error = n_error + VALUE(n_error), n_terminated = n_terminated + VALUE(n_terminated);

-- Whoever ends a session, its container is to be stopped.
CREATE TRIGGER sessions_end AFTER UPDATE ON sessions FOR EACH ROW
    IF NEW.status <> OLD.status AND NEW.status IN ('error','closed','terminated') THEN
        UPDATE session_counts
           SET n_closed = n_closed + (NEW.status = 'closed'),
               n_error = n_error + (NEW.status = 'error'),
               n_terminated = n_terminated + (NEW.status = 'terminated')
         WHERE user_id = NEW.user_id AND chunk = NEW.user_seq DIV 1000;
        UPDATE containers SET state = 'ended', ended_at = NEW.ended_at
         WHERE container_id = NEW.container_id AND state IN ('starting','running');
    END IF;

CREATE TRIGGER sessions_discount AFTER DELETE ON sessions FOR EACH ROW
BEGIN
    UPDATE session_counts
       SET n_total = n_total - 1, n_closed = n_closed - (OLD.status = 'closed'),
           n_error = n_error - (OLD.status = 'error'),
           n_terminated = n_terminated - (OLD.status = 'terminated')
     WHERE user_id = OLD.user_id AND chunk = OLD.user_seq DIV 1000;
    DELETE FROM session_counts
     WHERE user_id = OLD.user_id AND chunk = OLD.user_seq DIV 1000 AND n_total = 0;
END;

CREATE TRIGGER verifications_end AFTER UPDATE ON verifications FOR EACH ROW
    IF NEW.status <> OLD.status AND NEW.status IN ('completed','error','cancelled') THEN
        UPDATE containers SET state = 'ended', ended_at = NEW.completed_at
         WHERE container_id = NEW.container_id AND state IN ('starting','running');
    END IF;

UNLOCK TABLES;

DROP TABLE session_numbers, session_late;
ALTER TABLE sessions DROP INDEX uncleaned, DROP INDEX by_user;
ALTER TABLE sessions DROP COLUMN cleaned, DROP COLUMN node;
ALTER TABLE verifications DROP COLUMN node;
