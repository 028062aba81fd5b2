-- Rows of kind 1 of 0005_uptime_pieces.sql. Bucket b is up to 1.04^b microseconds: its middle, by ratio, is told.
CREATE OR REPLACE VIEW {analytics}.response_times (
    `thing` String COMMENT 'Id of the monitor',
    `hour` DateTime('UTC') COMMENT 'Beginning of the hour',
{figures_columns}
) DEFINER = CURRENT_USER SQL SECURITY DEFINER
COMMENT 'Results and response times of monitors by hour, brought up to date about once a minute{mark}'
AS WITH {figures_spread}
SELECT monitor AS thing, toDateTime(at, 'UTC') AS hour, {figures}
FROM {history}.uptime_pieces FINAL
WHERE kind = 1
