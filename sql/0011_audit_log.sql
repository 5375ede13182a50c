-- Who did what: acts of operators, sign-ins, keys, payments. Triggers write it, so that an entry is
-- in the transaction of what it tells of, whatever program makes that.
--
-- It has ids and numbers and no name or address of a user's, for it outlives the user. What a
-- program says of itself is in @codeset_actor: 'operator:NAME', 'api', 'daemon'; the release before
-- says nothing, and is told by its account.

CREATE TABLE audit_log (
    seq     BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    at      DATETIME(6)     NOT NULL DEFAULT NOW(6),
    actor   ENUM('operator','user','daemon','database') NOT NULL COMMENT 'database: by hand, or by the release before',
    name    VARCHAR(255)    NULL COMMENT 'operator: of the system; user: the id; database: the account',
    account VARCHAR(255)    NOT NULL COMMENT 'that was signed in to MariaDB',
    kind    VARCHAR(64)     NOT NULL COMMENT 'what was done: user.added, key.revoked ...',
    user_id UUID            NULL COMMENT 'whom it concerns',
    object  VARCHAR(255)    NULL COMMENT 'the id or name of what was changed',
    detail  VARCHAR(1000)   NULL,
    KEY by_user (user_id, seq),
    KEY by_kind (kind, seq),
    KEY by_time (at, seq)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Only the account that defined this trigger, the administrator's, is believed to be an operator.
CREATE TRIGGER audit_log_who BEFORE INSERT ON audit_log FOR EACH ROW
BEGIN
    SET NEW.at = NOW(6), NEW.account = LEFT(USER(), 255);
    SET NEW.actor = CASE
        WHEN @codeset_actor LIKE 'operator:%' AND
             SUBSTRING_INDEX(USER(), '@', 1) = SUBSTRING_INDEX(CURRENT_USER(), '@', 1)
            THEN 'operator'
        WHEN @codeset_actor = 'api' THEN 'user'
        WHEN @codeset_actor = 'daemon' THEN 'daemon'
        ELSE 'database' END;
    SET NEW.name = LEFT(CASE NEW.actor
        WHEN 'operator' THEN SUBSTR(@codeset_actor, 10)
        WHEN 'user' THEN CAST(NEW.user_id AS CHAR)
        WHEN 'database' THEN CONCAT(USER(), IFNULL(CONCAT(' as ', @codeset_actor), ''))
        END, 255);
END;

-- Nobody may, whatever the rights of the account.
CREATE TRIGGER audit_log_unchanged BEFORE UPDATE ON audit_log FOR EACH ROW
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'the audit log is append-only';
CREATE TRIGGER audit_log_kept BEFORE DELETE ON audit_log FOR EACH ROW
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'the audit log is append-only';

-- --- users and their keys ---------------------------------------------------------------------

CREATE TRIGGER audit_user_added AFTER INSERT ON users FOR EACH ROW
    INSERT INTO audit_log (kind, user_id, object) VALUES
        (IF(NEW.last_login_at IS NULL, 'user.added', 'user.signed_up'), NEW.user_id, NEW.user_id);

CREATE TRIGGER audit_user_changed AFTER UPDATE ON users FOR EACH ROW
    IF NEW.email = '' THEN
        IF OLD.email <> '' THEN
            INSERT INTO audit_log (kind, user_id, object)
                VALUES ('user.deleted', NEW.user_id, NEW.user_id);
        END IF;
    ELSE
        IF NEW.is_active <> OLD.is_active THEN
            INSERT INTO audit_log (kind, user_id, object) VALUES
                (IF(NEW.is_active, 'user.activated', 'user.deactivated'), NEW.user_id, NEW.user_id);
        END IF;
        IF NEW.last_login_at IS NOT NULL AND NOT NEW.last_login_at <=> OLD.last_login_at THEN
            INSERT INTO audit_log (kind, user_id, object)
                VALUES ('user.signed_in', NEW.user_id, NEW.user_id);
        ELSEIF NEW.name <> OLD.name OR NEW.email <> OLD.email THEN
            INSERT INTO audit_log (kind, user_id, object, detail)
                VALUES ('user.renamed', NEW.user_id, NEW.user_id,
                        CONCAT_WS(', ', IF(NEW.name <> OLD.name, 'name', NULL),
                                  IF(NEW.email <> OLD.email, 'e-mail address', NULL)));
        END IF;
        IF NOT NEW.terms_version <=> OLD.terms_version THEN
            INSERT INTO audit_log (kind, user_id, object, detail)
                VALUES ('user.accepted_terms', NEW.user_id, NEW.user_id, NEW.terms_version);
        END IF;
    END IF;

CREATE TRIGGER audit_limits AFTER INSERT ON user_limits FOR EACH ROW
    INSERT INTO audit_log (kind, user_id, object, detail)
        VALUES ('user.limited', NEW.user_id, NEW.user_id,
                CONCAT('sessions ', IFNULL(NEW.sessions, 'default'),
                       ', creates per minute ', IFNULL(NEW.creates_per_minute, 'default'),
                       ', cents per day ', IFNULL(NEW.cents_per_day, 'default'),
                       ', key cents per day ', IFNULL(NEW.key_cents_per_day, 'default'),
                       ', low balance cents ', IFNULL(NEW.low_balance_cents, 'default')));

CREATE TRIGGER audit_token_revoked AFTER UPDATE ON refresh_tokens FOR EACH ROW
    IF NEW.revoked_at IS NOT NULL AND OLD.revoked_at IS NULL THEN
        INSERT INTO audit_log (kind, user_id, object)
            VALUES ('user.sign_in_revoked', NEW.user_id, NEW.jti);
    END IF;

CREATE TRIGGER audit_key_added AFTER INSERT ON api_keys FOR EACH ROW
    INSERT INTO audit_log (kind, user_id, object, detail)
        VALUES ('key.added', NEW.user_id, NEW.key_id,
                CONCAT(NEW.masked, IFNULL(CONCAT(', expires ', NEW.expires_at), '')));

-- last_used_at changes often, and is nobody's act.
CREATE TRIGGER audit_key_changed AFTER UPDATE ON api_keys FOR EACH ROW
BEGIN
    IF NEW.is_active <> OLD.is_active THEN
        INSERT INTO audit_log (kind, user_id, object, detail)
            VALUES (IF(NEW.is_active, 'key.activated', 'key.revoked'), NEW.user_id, NEW.key_id,
                    NEW.masked);
    END IF;
    IF NEW.key_hash <> OLD.key_hash THEN
        INSERT INTO audit_log (kind, user_id, object, detail)
            VALUES ('key.replaced', NEW.user_id, NEW.key_id, NEW.masked);
    END IF;
    IF NOT NEW.hold_seconds <=> OLD.hold_seconds THEN
        INSERT INTO audit_log (kind, user_id, object, detail)
            VALUES ('key.changed', NEW.user_id, NEW.key_id,
                    CONCAT('hold ', IFNULL(NEW.hold_seconds, 'default')));
    END IF;
END;

-- --- money ------------------------------------------------------------------------------------

-- What sessions and jobs cost is no act, and stands in the ledger.
CREATE TRIGGER audit_payment AFTER INSERT ON ledger_transactions FOR EACH ROW
    IF NEW.kind NOT IN ('session_usage','agent_job_usage','agent_job_refund') THEN
        INSERT INTO audit_log (kind, user_id, object, detail)
            VALUES (CONCAT('money.', NEW.kind), NEW.user_id, NEW.transaction_id,
                    CONCAT(NEW.amount_cents, ' cents, ', NEW.event_key));
    END IF;

CREATE TRIGGER audit_stripe_event AFTER UPDATE ON stripe_events FOR EACH ROW
BEGIN
    IF NOT NEW.retried_at <=> OLD.retried_at THEN
        INSERT INTO audit_log (kind, object, detail)
            VALUES ('stripe.event_retried', NEW.event_id, NEW.type);
    END IF;
    IF NEW.state = 'dismissed' AND OLD.state <> 'dismissed' THEN
        INSERT INTO audit_log (kind, object, detail)
            VALUES ('stripe.event_dismissed', NEW.event_id, NEW.type);
    END IF;
END;

-- --- what users work with ---------------------------------------------------------------------

CREATE TRIGGER audit_dataset_added AFTER INSERT ON datasets FOR EACH ROW
    INSERT INTO audit_log (kind, object) VALUES ('dataset.added', NEW.name);
CREATE TRIGGER audit_dataset_removed AFTER DELETE ON datasets FOR EACH ROW
    INSERT INTO audit_log (kind, object) VALUES ('dataset.removed', OLD.name);

CREATE TRIGGER audit_agent_added AFTER INSERT ON agents FOR EACH ROW
    INSERT INTO audit_log (kind, object, detail)
        VALUES ('agent.added', NEW.agent_id,
                LEFT(CONCAT(IFNULL(CONCAT('image ', NEW.image), 'elsewhere'), ', egress ',
                            NEW.egress), 1000));
CREATE TRIGGER audit_agent_changed AFTER UPDATE ON agents FOR EACH ROW
    INSERT INTO audit_log (kind, object, detail)
        VALUES (CASE WHEN NEW.removed_at IS NULL AND OLD.removed_at IS NULL THEN 'agent.changed'
                     WHEN NEW.removed_at IS NULL THEN 'agent.added' ELSE 'agent.removed' END,
                NEW.agent_id,
                LEFT(CONCAT(IFNULL(CONCAT('image ', NEW.image), 'elsewhere'), ', egress ',
                            NEW.egress), 1000));

-- Of users' sessions and jobs only what an operator did with them.
CREATE TRIGGER audit_session_opened AFTER INSERT ON sessions FOR EACH ROW
    IF @codeset_actor LIKE 'operator:%' THEN
        INSERT INTO audit_log (kind, user_id, object, detail)
            VALUES ('session.opened', NEW.user_id, NEW.session_id,
                    CONCAT(NEW.dataset, '/', NEW.sample_id));
    END IF;
CREATE TRIGGER audit_session_ended AFTER UPDATE ON sessions FOR EACH ROW
    IF NEW.status <> OLD.status AND @codeset_actor LIKE 'operator:%' THEN
        INSERT INTO audit_log (kind, user_id, object)
            VALUES (CONCAT('session.', NEW.status), NEW.user_id, NEW.session_id);
    END IF;
CREATE TRIGGER audit_job AFTER UPDATE ON agent_jobs FOR EACH ROW
    IF NEW.status <> OLD.status AND @codeset_actor LIKE 'operator:%' THEN
        INSERT INTO audit_log (kind, user_id, object)
            VALUES (IF(NEW.status = 'running', 'job.taken', 'job.cancelled'), NEW.user_id,
                    NEW.job_id);
    END IF;

-- --- the installation -------------------------------------------------------------------------

CREATE TRIGGER audit_node_forgotten AFTER DELETE ON nodes FOR EACH ROW
    INSERT INTO audit_log (kind, object) VALUES ('node.forgotten', OLD.name);

CREATE TRIGGER audit_migration AFTER UPDATE ON schema_migrations FOR EACH ROW
    IF NEW.finished_at IS NOT NULL AND OLD.finished_at IS NULL THEN
        INSERT INTO audit_log (kind, object) VALUES ('schema.migrated', NEW.name);
    END IF;
