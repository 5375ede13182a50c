-- A key may have a hold of its own, and a user's revoked keys are listed, the newest ones.
ALTER TABLE api_keys
    ADD COLUMN hold_seconds TINYINT UNSIGNED NULL COMMENT 'NULL: the hold of all' AFTER last_used_at,
    ADD KEY by_state (user_id, is_active, created_at);
