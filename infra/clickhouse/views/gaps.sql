CREATE OR REPLACE VIEW {analytics}.gaps (
    `partition` UInt16 COMMENT 'Number of the partition of pings that it is of',
    `started_at` DateTime64(6, 'UTC') COMMENT 'Beginning',
    `ended_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'End; NULL while it is open',
    `cause` LowCardinality(String) COMMENT 'no source, silent source, lost source, unreachable, refused or journal truncated',
    `source` String COMMENT 'The process that it is of, else empty',
    `seconds` Float64 COMMENT 'How long it lasted, or lasts so far'
) DEFINER = CURRENT_USER SQL SECURITY DEFINER
COMMENT 'Spans in which a ping may have been refused or lost, by partition{mark}'
AS SELECT part AS partition, since AS started_at, if(until = fromUnixTimestamp64Micro(0, 'UTC'), NULL, until) AS ended_at,
       cause, slot AS source,
       (toUnixTimestamp64Micro(ifNull(ended_at, now64(6, 'UTC'))) - toUnixTimestamp64Micro(since)) / 1e6 AS seconds
FROM {history}.gaps FINAL
