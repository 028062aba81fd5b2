-- Of which things days were rolled up anew that were over already, and when: so that a process may keep what it has read of
-- such days (query_api/history/kept_days.py). Forgotten after two days.
CREATE TABLE IF NOT EXISTS uptime_changes (
    made DateTime('UTC') CODEC(Delta, ZSTD(1)),
    thing String CODEC(ZSTD(1))
) ENGINE = MergeTree
PARTITION BY toDate(made)
ORDER BY made
TTL made + INTERVAL 2 DAY
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS changes_of_days TO uptime_changes AS
SELECT now('UTC') AS made, thing FROM uptime_days WHERE day < toDate(now('UTC')) GROUP BY thing;
