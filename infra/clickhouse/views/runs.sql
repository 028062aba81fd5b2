CREATE OR REPLACE VIEW {analytics}.runs (
    `thing` String COMMENT 'Id of the check',
    `started_at` DateTime64(6, 'UTC') COMMENT 'When it began',
    `ended_at` DateTime64(6, 'UTC') COMMENT 'When the ping that ended it counted',
    `seconds` Float64 COMMENT 'How long it took'
) DEFINER = CURRENT_USER SQL SECURITY DEFINER
COMMENT 'Runs of jobs whose beginning and end are known: those that sent a start{mark}'
AS SELECT check_id AS thing, fromUnixTimestamp64Micro(toUnixTimestamp64Micro(at) - duration, 'UTC') AS started_at,
       at AS ended_at, duration / 1e6 AS seconds
FROM {history}.ping_facts FINAL
WHERE counted AND duration >= 0
