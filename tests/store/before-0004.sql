-- What programs of the release before had written when it was upgraded: sessions and jobs in every
-- state, each as its statements left it. tests/store/test-upgrade.c looks at what becomes of them.
-- Ids: 01900000-0000-7000-8000-KIND and a number.

INSERT INTO users (user_id, name, email) VALUES
    ('01900000-0000-7000-8000-0a0000000001', 'U', 'u@example.com');

INSERT INTO datasets (name) VALUES ('d');
INSERT INTO samples (dataset, sample_id, version, latest, instance_id, language, verifier,
        image, verifier_image, repo_path, verifier_command, report_paths, fail_to_pass,
        pass_to_pass, fail_to_fail, content_hash, json, deflated, json_length, json_crc32) VALUES
    ('d', 'runnable', 1, 1, 'o__r-1', 'c', 'test_suite', 'image', 'verifier-image', '/r', '/v',
     '[]', '[]', '[]', '[]', REPEAT('x', 32), '{}', X'000200fdff7b7d', 2, CRC32('{}'));

INSERT INTO nodes (name, location, version, heartbeat_at) VALUES
    ('a', 'here', '0.1', NOW(6) - INTERVAL 5 SECOND),
    ('b', 'there', '0.1', NOW(6) - INTERVAL 1000 SECOND);

-- 1: ready on a. 2: being started on a. 3: not claimed. 4: closed, its container not gone yet.
-- 5: closed and cleaned. 6: ready on b. 7: closed before anybody claimed it.
INSERT INTO sessions (session_id, user_id, dataset, sample_id, version, status, requested_at,
        created_at, expires_at, ended_at, container_name, location, cleaned, node, owner, attempt,
        lease_until) VALUES
    ('01900000-0000-7000-8000-050000000001', '01900000-0000-7000-8000-0a0000000001', 'd',
     'runnable', 1, 'ready', NOW(6) - INTERVAL 60 SECOND, NOW(6) - INTERVAL 59 SECOND,
     NOW(6) + INTERVAL 1 HOUR, NULL, 'cs-01900000-0000-7000-8000-050000000001', 'here', FALSE, 'a',
     '01900000-0000-7000-8000-0e0000000001', 2, NOW(6) + INTERVAL 60 SECOND),
    ('01900000-0000-7000-8000-050000000002', '01900000-0000-7000-8000-0a0000000001', 'd',
     'runnable', 1, 'creating', NOW(6) - INTERVAL 50 SECOND, NULL, NOW(6) + INTERVAL 1 HOUR, NULL,
     NULL, NULL, FALSE, 'a', '01900000-0000-7000-8000-0e0000000001', 1,
     NOW(6) + INTERVAL 60 SECOND),
    ('01900000-0000-7000-8000-050000000003', '01900000-0000-7000-8000-0a0000000001', 'd',
     'runnable', 1, 'creating', NOW(6) - INTERVAL 40 SECOND, NULL, NOW(6) + INTERVAL 1 HOUR, NULL,
     NULL, NULL, FALSE, NULL, NULL, 0, NULL),
    ('01900000-0000-7000-8000-050000000004', '01900000-0000-7000-8000-0a0000000001', 'd',
     'runnable', 1, 'closed', NOW(6) - INTERVAL 30 SECOND, NOW(6) - INTERVAL 29 SECOND,
     NOW(6) + INTERVAL 1 HOUR, NOW(6) - INTERVAL 1 SECOND,
     'cs-01900000-0000-7000-8000-050000000004', 'here', FALSE, 'a',
     '01900000-0000-7000-8000-0e0000000001', 1, NOW(6) + INTERVAL 60 SECOND),
    ('01900000-0000-7000-8000-050000000005', '01900000-0000-7000-8000-0a0000000001', 'd',
     'runnable', 1, 'closed', NOW(6) - INTERVAL 20 SECOND, NOW(6) - INTERVAL 19 SECOND,
     NOW(6) + INTERVAL 1 HOUR, NOW(6) - INTERVAL 9 SECOND,
     'cs-01900000-0000-7000-8000-050000000005', 'here', TRUE, 'a',
     '01900000-0000-7000-8000-0e0000000001', 1, NOW(6) + INTERVAL 60 SECOND),
    ('01900000-0000-7000-8000-050000000006', '01900000-0000-7000-8000-0a0000000001', 'd',
     'runnable', 1, 'ready', NOW(6) - INTERVAL 10 SECOND, NOW(6) - INTERVAL 9 SECOND,
     NOW(6) + INTERVAL 1 HOUR, NULL, 'cs-01900000-0000-7000-8000-050000000006', 'there', FALSE,
     'b', '01900000-0000-7000-8000-0e0000000002', 1, NOW(6) - INTERVAL 900 SECOND),
    ('01900000-0000-7000-8000-050000000007', '01900000-0000-7000-8000-0a0000000001', 'd',
     'runnable', 1, 'closed', NOW(6) - INTERVAL 5 SECOND, NULL, NOW(6) + INTERVAL 1 HOUR, NOW(6),
     NULL, NULL, FALSE, NULL, NULL, 0, NULL);

-- Of session 1. 1: a command that runs. 2: an upload that waits. 3: a command that has ended.
-- 4: an upload that is under way.
INSERT INTO interactions (interaction_id, session_id, interaction_type, status, started_at, ended_at,
        command, command_timeout, file_path, content, size_bytes, exit_code, stdout, stderr,
        execution_time_seconds, success, node, owner, attempt, lease_until) VALUES
    ('01900000-0000-7000-8000-060000000001', '01900000-0000-7000-8000-050000000001',
     'exec_command', 'processing', NOW(6), NULL, 'sleep 9', 60, NULL, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL, 'a', '01900000-0000-7000-8000-0e0000000001', 1, NOW(6) + INTERVAL 60 SECOND),
    ('01900000-0000-7000-8000-060000000002', '01900000-0000-7000-8000-050000000001',
     'file_upload', 'pending', NULL, NULL, NULL, NULL, '/f', 'bytes', 5, NULL, NULL, NULL, NULL,
     NULL, NULL, NULL, 0, NULL),
    ('01900000-0000-7000-8000-060000000003', '01900000-0000-7000-8000-050000000001',
     'exec_command', 'completed', NOW(6), NOW(6), 'true', 60, NULL, NULL, NULL, 0, 'said', '', 0.1,
     TRUE, 'a', '01900000-0000-7000-8000-0e0000000001', 1, NOW(6) + INTERVAL 60 SECOND),
    ('01900000-0000-7000-8000-060000000004', '01900000-0000-7000-8000-050000000001',
     'file_upload', 'processing', NOW(6), NULL, NULL, NULL, '/g', 'more', 4, NULL, NULL, NULL, NULL,
     NULL, 'a', '01900000-0000-7000-8000-0e0000000001', 1, NOW(6) + INTERVAL 60 SECOND);

-- Of session 1. 1: its verifier runs. 2: its container is being prepared. 3: waits. 4: has ended.
INSERT INTO verifications (job_id, session_id, status, started_at, completed_at, result, is_success,
        container_name, location, node, owner, attempt, lease_until) VALUES
    ('01900000-0000-7000-8000-070000000001', '01900000-0000-7000-8000-050000000001', 'running',
     NOW(6), NULL, NULL, NULL, 'cv-01900000-0000-7000-8000-070000000001', 'here', 'a',
     '01900000-0000-7000-8000-0e0000000001', 1, NOW(6) + INTERVAL 60 SECOND),
    ('01900000-0000-7000-8000-070000000002', '01900000-0000-7000-8000-050000000001', 'starting',
     NOW(6), NULL, NULL, NULL, NULL, NULL, 'a', '01900000-0000-7000-8000-0e0000000001', 1,
     NOW(6) + INTERVAL 60 SECOND),
    ('01900000-0000-7000-8000-070000000003', '01900000-0000-7000-8000-050000000001', 'pending',
     NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL),
    ('01900000-0000-7000-8000-070000000004', '01900000-0000-7000-8000-050000000001', 'completed',
     NOW(6), NOW(6), '{}', TRUE, 'cv-01900000-0000-7000-8000-070000000004', 'here', 'a',
     '01900000-0000-7000-8000-0e0000000001', 1, NOW(6) + INTERVAL 60 SECOND);

-- A sign-up credit.
INSERT INTO ledger_transactions (transaction_id, event_key, kind, user_id, amount_cents, description)
    VALUES ('01900000-0000-7000-8000-0c0000000001', 'signup:u', 'promotion',
            '01900000-0000-7000-8000-0a0000000001', 300, 'Sign-up credit');
INSERT INTO ledger_entries VALUES ('01900000-0000-7000-8000-0c0000000001', 'user', 300),
    ('01900000-0000-7000-8000-0c0000000001', 'promotion', -300);
INSERT INTO balances (user_id, balance_cents) VALUES ('01900000-0000-7000-8000-0a0000000001', 300);
