-- Rows of a table that were inserted before `until` may have expired under a retention that has been changed since.
CREATE TABLE IF NOT EXISTS expired_rows (
    name LowCardinality(String),
    until DateTime('UTC')
) ENGINE = ReplacingMergeTree(until)
ORDER BY name
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
