-- Prepaid credits: paid and granted money apart, prices on sessions, lists by number, limits.
--
-- The release before goes on while this is applied and until it is restarted: its sign-ups write
-- the account `user` and balances.balance_cents alone, which triggers and a generated column turn
-- into a grant; its sessions get no price, and are never charged.

-- Money that was given away, used before paid money, the earliest expiry first.
-- What remains is what its moves sum to.
CREATE TABLE credit_grants (
    grant_id        UUID         NOT NULL PRIMARY KEY COMMENT 'the id of the transaction that gave it',
    user_id         UUID         NOT NULL,
    amount_cents    BIGINT       NOT NULL,
    remaining_cents BIGINT       NOT NULL,
    expires_at      DATETIME(6)  NULL COMMENT 'NULL: never',
    created_at      DATETIME(6)  NOT NULL DEFAULT NOW(6),
    live            BOOLEAN      AS (IF(remaining_cents > 0, TRUE, NULL)) PERSISTENT,
    KEY by_user (user_id, live),
    KEY by_expiry (live, expires_at),
    CONSTRAINT remaining CHECK (remaining_cents >= 0 AND remaining_cents <= amount_cents),
    FOREIGN KEY (user_id) REFERENCES users (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Append-only, as the entries: of a transaction's entry of user_granted, what came from or went to
-- which grant.
CREATE TABLE grant_moves (
    transaction_id UUID   NOT NULL,
    grant_id       UUID   NOT NULL,
    amount_cents   BIGINT NOT NULL,
    PRIMARY KEY (transaction_id, grant_id),
    KEY by_grant (grant_id, amount_cents),
    FOREIGN KEY (transaction_id) REFERENCES ledger_transactions (transaction_id),
    FOREIGN KEY (grant_id) REFERENCES credit_grants (grant_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- How many transactions of a user numbered chunk * 1000 to chunk * 1000 + 999 there are of each
-- type, and what they come to; kept by a trigger. For lists: totals and deep pages without
-- counting rows.
CREATE TABLE ledger_counts (
    user_id               UUID         NOT NULL,
    chunk                 INT UNSIGNED NOT NULL,
    n_deposit             INT UNSIGNED NOT NULL,
    n_refund              INT UNSIGNED NOT NULL,
    n_session_usage       INT UNSIGNED NOT NULL,
    n_agent_job_usage     INT UNSIGNED NOT NULL,
    n_agent_job_refund    INT UNSIGNED NOT NULL,
    session_usage_cents   BIGINT       NOT NULL,
    agent_job_usage_cents BIGINT       NOT NULL,
    session_seconds       BIGINT       NOT NULL,
    PRIMARY KEY (user_id, chunk)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- What was charged on a day (UTC), by key; for the limits of spending, not for money.
CREATE TABLE spending (
    user_id UUID   NOT NULL,
    day     DATE   NOT NULL,
    key_id  UUID   NOT NULL COMMENT 'zero: by a token, or before keys were kept',
    cents   BIGINT NOT NULL,
    PRIMARY KEY (user_id, day, key_id),
    KEY by_day (day)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- A user's own limits; NULL: the setting counts.
CREATE TABLE user_limits (
    user_id            UUID         NOT NULL PRIMARY KEY,
    sessions           INT UNSIGNED NULL,
    creates_per_minute INT UNSIGNED NULL,
    cents_per_day      BIGINT       NULL,
    key_cents_per_day  BIGINT       NULL,
    low_balance_cents  BIGINT       NULL,
    FOREIGN KEY (user_id) REFERENCES users (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

ALTER TABLE sessions
    ADD COLUMN key_id UUID NULL COMMENT 'that it was created by; NULL: a token',
    ADD COLUMN price_cents INT UNSIGNED NULL COMMENT 'a minute; NULL: costs nothing',
    ADD COLUMN unsettled BOOLEAN NULL COMMENT 'TRUE until it is charged; NULL: nothing to charge',
    ADD INDEX by_unsettled (unsettled, user_id),
    ADD INDEX by_due (unsettled, ended_at);

ALTER TABLE balances
    ADD COLUMN paid_cents BIGINT NOT NULL DEFAULT 0 COMMENT 'below zero: debt',
    ADD COLUMN granted_cents BIGINT AS (balance_cents - paid_cents) VIRTUAL;

LOCK TABLES ledger_transactions WRITE, ledger_transactions AS t WRITE, ledger_entries WRITE,
            balances WRITE, credit_grants WRITE, grant_moves WRITE, ledger_counts WRITE;

-- type: what the API calls it; 0 deposit, 1 refund, 2 session_usage, 3 agent_job_usage,
-- 4 agent_job_refund.
ALTER TABLE ledger_transactions
    MODIFY COLUMN kind ENUM('deposit','refund','session_usage','agent_job_usage',
        'agent_job_refund','promotion','card_refund','dispute','dispute_won','expiry') NOT NULL,
    ADD COLUMN type TINYINT UNSIGNED AS (CASE kind
        WHEN 'deposit' THEN 0 WHEN 'promotion' THEN 0 WHEN 'session_usage' THEN 2
        WHEN 'agent_job_usage' THEN 3 WHEN 'agent_job_refund' THEN 4 ELSE 1 END) PERSISTENT,
    ADD COLUMN seconds INT UNSIGNED NULL COMMENT 'of the session that was charged',
    ADD COLUMN of_transaction UUID NULL COMMENT 'that this one gives back, or takes back',
    ADD COLUMN user_seq INT UNSIGNED NULL COMMENT '1, 2, 3 ... of the user; given by a trigger';

-- There were sign-up credits only, each untouched.
UPDATE ledger_transactions SET user_seq = (
    SELECT COUNT(*) FROM ledger_transactions t WHERE t.user_id = ledger_transactions.user_id AND
        (t.created_at < ledger_transactions.created_at OR
         t.created_at = ledger_transactions.created_at AND
         t.transaction_id <= ledger_transactions.transaction_id));

ALTER TABLE ledger_transactions
    ADD UNIQUE INDEX by_number (user_id, user_seq),
    ADD INDEX by_type (user_id, type, user_seq, amount_cents, seconds, kind),
    ADD INDEX by_time (user_id, created_at, user_seq),
    ADD INDEX by_origin (of_transaction, amount_cents),
    DROP INDEX by_user;

-- `user` is what the release before writes.
ALTER TABLE ledger_entries MODIFY COLUMN account
    ENUM('user','revenue','stripe','promotion','user_paid','user_granted') NOT NULL;
UPDATE ledger_entries SET account = 'user_granted' WHERE account = 'user';

INSERT INTO credit_grants (grant_id, user_id, amount_cents, remaining_cents, created_at)
    SELECT transaction_id, user_id, amount_cents, amount_cents, created_at
      FROM ledger_transactions WHERE kind = 'promotion';
INSERT INTO grant_moves (transaction_id, grant_id, amount_cents)
    SELECT grant_id, grant_id, amount_cents FROM credit_grants;
INSERT INTO ledger_counts (user_id, chunk, n_deposit, n_refund, n_session_usage, n_agent_job_usage,
                           n_agent_job_refund, session_usage_cents, agent_job_usage_cents,
                           session_seconds)
    SELECT user_id, user_seq DIV 1000, SUM(type = 0), SUM(type = 1), SUM(type = 2), SUM(type = 3),
           SUM(type = 4), SUM(IF(type = 2, amount_cents, 0)), SUM(IF(type = 3, amount_cents, 0)),
           SUM(IF(type = 2, IFNULL(seconds, 0), 0))
      FROM ledger_transactions GROUP BY user_id, user_seq DIV 1000;

-- Under the lock of the user's balance, which whoever moves money takes first. Times of a user do
-- not go back, whatever the clock does, so that days are ranges of numbers.
CREATE TRIGGER ledger_number BEFORE INSERT ON ledger_transactions FOR EACH ROW
BEGIN
    SET NEW.user_seq = (SELECT IFNULL(MAX(user_seq), 0) + 1 FROM ledger_transactions
                         WHERE user_id = NEW.user_id);
    SET NEW.created_at = GREATEST(NEW.created_at, IFNULL(
        (SELECT created_at FROM ledger_transactions
          WHERE user_id = NEW.user_id AND user_seq = NEW.user_seq - 1), NEW.created_at));
END;

CREATE TRIGGER ledger_count AFTER INSERT ON ledger_transactions FOR EACH ROW
    INSERT INTO ledger_counts (user_id, chunk, n_deposit, n_refund, n_session_usage,
                               n_agent_job_usage, n_agent_job_refund, session_usage_cents,
                               agent_job_usage_cents, session_seconds)
        VALUES (NEW.user_id, NEW.user_seq DIV 1000, NEW.type = 0, NEW.type = 1, NEW.type = 2,
                NEW.type = 3, NEW.type = 4, IF(NEW.type = 2, NEW.amount_cents, 0),
                IF(NEW.type = 3, NEW.amount_cents, 0),
                IF(NEW.type = 2, IFNULL(NEW.seconds, 0), 0))
        ON DUPLICATE KEY UPDATE n_deposit = n_deposit + VALUE(n_deposit),
            n_refund = n_refund + VALUE(n_refund),
            n_session_usage = n_session_usage + VALUE(n_session_usage),
            n_agent_job_usage = n_agent_job_usage + VALUE(n_agent_job_usage),
            n_agent_job_refund = n_agent_job_refund + VALUE(n_agent_job_refund),
            session_usage_cents = session_usage_cents + VALUE(session_usage_cents),
            agent_job_usage_cents = agent_job_usage_cents + VALUE(agent_job_usage_cents),
            session_seconds = session_seconds + VALUE(session_seconds);

-- The release before signs somebody up.
CREATE TRIGGER ledger_account BEFORE INSERT ON ledger_entries FOR EACH ROW
    IF NEW.account = 'user' THEN
        SET NEW.account = 'user_granted';
        INSERT INTO credit_grants (grant_id, user_id, amount_cents, remaining_cents)
            SELECT transaction_id, user_id, amount_cents, amount_cents FROM ledger_transactions
             WHERE transaction_id = NEW.transaction_id;
        INSERT INTO grant_moves (transaction_id, grant_id, amount_cents)
            VALUES (NEW.transaction_id, NEW.transaction_id, NEW.amount_cents);
    END IF;

UNLOCK TABLES;
