-- Test outcomes out of the log of a runner that leaves no report.

ALTER TABLE samples
    ADD COLUMN log_parser VARCHAR(32) NULL COMMENT 'of grade/log_names.h; NULL: reports only';
