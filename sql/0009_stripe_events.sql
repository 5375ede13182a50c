-- What an event of Stripe's is about; events that were settled may go; a price is above nothing.

ALTER TABLE stripe_events
    ADD COLUMN checkout_id  UUID   NULL COMMENT 'the deposit that it is about, where that is known',
    ADD COLUMN amount_cents BIGINT NULL COMMENT 'that it speaks of: paid, refunded or disputed',
    ADD COLUMN moved_cents  BIGINT NULL COMMENT 'to the user, when it was applied',
    ADD INDEX by_settled (state, settled_at);

-- The daemon deletes what is old. What nobody has dealt with stays, whoever says otherwise.
CREATE TRIGGER stripe_event_kept BEFORE DELETE ON stripe_events FOR EACH ROW
    IF OLD.state IN ('due', 'quarantined') THEN
        SIGNAL SQLSTATE '45000'
            SET MESSAGE_TEXT = 'an event that is due or quarantined is not deleted';
    END IF;

-- No program ever wrote another one, so that no row need be read: MariaDB copies the table for a
-- constraint of its own, and not for a column's, while checks are off.
SET check_constraint_checks = OFF;
ALTER TABLE sessions MODIFY COLUMN price_cents INT UNSIGNED NULL
    COMMENT 'a minute; NULL: costs nothing' CHECK (price_cents > 0), ALGORITHM = INSTANT;
SET check_constraint_checks = ON;

-- When the ledger was looked at last, and what came of it.
CREATE TABLE ledger_audits (
    ended_at DATETIME(6)  NOT NULL DEFAULT NOW(6) PRIMARY KEY,
    findings INT UNSIGNED NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
