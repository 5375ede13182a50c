-- Deposits by Stripe: who its customers are, what was asked for, and what it told.

CREATE TABLE stripe_customers (
    user_id     UUID         NOT NULL PRIMARY KEY,
    customer_id VARCHAR(255) NOT NULL,
    created_at  DATETIME(6)  NOT NULL DEFAULT NOW(6),
    FOREIGN KEY (user_id) REFERENCES users (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- A deposit that somebody asked for. The row is there before Stripe hears of it: checkout_id is the
-- idempotency key, and comes back as metadata of the session, its payment and its charge.
CREATE TABLE stripe_checkouts (
    checkout_id       UUID         NOT NULL PRIMARY KEY,
    user_id           UUID         NOT NULL,
    amount_cents      BIGINT       NOT NULL COMMENT 'asked for, in US dollars',
    livemode          BOOLEAN      NOT NULL COMMENT 'of the key that it was made with',
    allows_promotions BOOLEAN      NOT NULL,
    allows_tax        BOOLEAN      NOT NULL,
    success_url       TEXT         NOT NULL,
    cancel_url        TEXT         NOT NULL,
    urls_hash         BINARY(32)   NOT NULL COMMENT 'SHA-256 of both',
    state             ENUM('creating','open','processing','paid','failed','expired') NOT NULL DEFAULT 'creating',
    reusable          BOOLEAN      NULL COMMENT 'TRUE or NULL, so that a unique key holds',
    stripe_session    VARCHAR(255) NULL UNIQUE,
    payment_intent    VARCHAR(255) NULL UNIQUE,
    url               TEXT         NULL,
    total_cents       BIGINT       NULL COMMENT 'what was paid, tax included',
    credited_cents    BIGINT       NULL COMMENT 'of it, what became credit',
    refunded_cents    BIGINT       NOT NULL DEFAULT 0 COMMENT 'of what was paid, by refunds so far',
    taken_cents       BIGINT       NOT NULL DEFAULT 0 COMMENT 'of the credit, back by refunds',
    created_at        DATETIME(6)  NOT NULL DEFAULT NOW(6),
    expires_at        DATETIME(6)  NOT NULL,
    ask_at            DATETIME(6)  NULL COMMENT 'when Stripe is asked how it stands; NULL: not any more',
    UNIQUE KEY one_open (user_id, amount_cents, urls_hash, reusable),
    KEY to_ask (ask_at),
    KEY by_user (user_id, reusable),
    FOREIGN KEY (user_id) REFERENCES users (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- What Stripe told, by a webhook or when asked. due: to be applied, which "seen" is not.
CREATE TABLE stripe_events (
    row_id      UUID         NOT NULL PRIMARY KEY,
    event_id    VARCHAR(255) NOT NULL UNIQUE,
    type        VARCHAR(128) NOT NULL,
    created_at  DATETIME(6)  NOT NULL COMMENT 'by Stripe',
    received_at DATETIME(6)  NOT NULL DEFAULT NOW(6),
    retried_at  DATETIME(6)  NULL COMMENT 'by the operator, last',
    state       ENUM('due','applied','ignored','quarantined','dismissed') NOT NULL DEFAULT 'due',
    reason      VARCHAR(500) NULL COMMENT 'why it is quarantined, ignored or still due',
    attempts    INT UNSIGNED NOT NULL DEFAULT 0,
    due_at      DATETIME(6)  NOT NULL DEFAULT NOW(6),
    settled_at  DATETIME(6)  NULL,
    payload     MEDIUMTEXT   NOT NULL,
    KEY to_apply (state, due_at),
    KEY by_time (received_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- One row: up to when Stripe's list of events was read, and when last; whoever moves asked_at asks.
CREATE TABLE stripe_cursor (
    one          TINYINT     NOT NULL PRIMARY KEY,
    events_since DATETIME(6) NOT NULL,
    asked_at     DATETIME(6) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

INSERT INTO stripe_cursor (one, events_since, asked_at) VALUES (1, NOW(6), '1970-01-02');
