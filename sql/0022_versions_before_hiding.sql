-- Versions of a sample that were imported before its answers were hidden show them: nobody is given them any
-- more, and their text goes where the workers' account can't read it.

INSERT INTO sample_answers (row_id, json)
    SELECT s.row_id, s.json FROM samples s JOIN samples l USING (dataset, sample_id)
        WHERE l.latest = TRUE AND l.answers_hidden AND s.version < l.version AND NOT s.answers_hidden
    ON DUPLICATE KEY UPDATE json = IFNULL(sample_answers.json, VALUES(json));

UPDATE samples s JOIN samples l USING (dataset, sample_id) SET s.json = '', s.deflated = '', s.json_length = 0, s.json_crc32 = 0
    WHERE l.latest = TRUE AND l.answers_hidden AND s.version < l.version AND NOT s.answers_hidden;
