-- Rows of kind 2 of 0005_uptime_pieces.sql. Bucket b is up to 1.04^b microseconds: its middle, by ratio, is told.
CREATE OR REPLACE VIEW {analytics}.response_times_daily (
    `thing` String COMMENT 'Id of the monitor',
    `day` Date COMMENT 'Day in UTC',
{figures_columns}
) DEFINER = CURRENT_USER SQL SECURITY DEFINER
COMMENT 'Results and response times of monitors by day (UTC), brought up to date about once a minute{mark}'
AS WITH {figures_spread}
SELECT monitor AS thing, toDate(intDiv(at, 86400)) AS day, {figures}
FROM {history}.uptime_pieces FINAL
WHERE kind = 2
