-- Sign-in: refresh tokens, and the ledger, as far as the sign-up credit needs it.

CREATE TABLE refresh_tokens (
    jti        UUID        NOT NULL PRIMARY KEY,
    user_id    UUID        NOT NULL,
    created_at DATETIME(6) NOT NULL DEFAULT NOW(6),
    expires_at DATETIME(6) NOT NULL,
    revoked_at DATETIME(6) NULL,
    KEY by_user (user_id),
    KEY by_expiry (expires_at),
    FOREIGN KEY (user_id) REFERENCES users (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Double entry, append-only: the entries of a transaction sum to zero. event_key names the
-- business event, so that doing it twice is doing it once.
CREATE TABLE ledger_transactions (
    transaction_id UUID         NOT NULL PRIMARY KEY,
    event_key      VARCHAR(190) NOT NULL UNIQUE,
    kind           ENUM('deposit','refund','session_usage','agent_job_usage','agent_job_refund','promotion') NOT NULL,
    user_id        UUID         NOT NULL,
    amount_cents   BIGINT       NOT NULL COMMENT 'to the user; usage is negative',
    description    VARCHAR(255) NOT NULL,
    session_id     UUID         NULL,
    job_id         UUID         NULL,
    created_at     DATETIME(6)  NOT NULL DEFAULT NOW(6),
    KEY by_user (user_id, created_at),
    FOREIGN KEY (user_id) REFERENCES users (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE ledger_entries (
    transaction_id UUID   NOT NULL,
    account        ENUM('user','revenue','stripe','promotion') NOT NULL,
    amount_cents   BIGINT NOT NULL,
    PRIMARY KEY (transaction_id, account),
    FOREIGN KEY (transaction_id) REFERENCES ledger_transactions (transaction_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- What the entries of a user sum to, changed in the same database transaction under this row's
-- lock.
CREATE TABLE balances (
    user_id               UUID        NOT NULL PRIMARY KEY,
    balance_cents         BIGINT      NOT NULL DEFAULT 0,
    total_deposited_cents BIGINT      NOT NULL DEFAULT 0,
    total_spent_cents     BIGINT      NOT NULL DEFAULT 0,
    updated_at            DATETIME(6) NOT NULL DEFAULT NOW(6),
    FOREIGN KEY (user_id) REFERENCES users (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
