-- Regular results of probes by hour and by day of their slot (`length`: 3600 or 86400 seconds), recomputed and replaced,
-- never added to. A result counts once, however often it stands in `probe_results`. `total` is the version, too: of two
-- rows the fuller counts, and an hour whose results have expired keeps what it had. A day is made of its hours. `took` is
-- the sum over the results that were well, microseconds, and `spread` what their percentiles are made of. Granules are
-- small, and the columns of a part stand in one file, because a question is about one monitor: a quarter of a year of days
-- and some hours.
CREATE TABLE IF NOT EXISTS probe_roll_ups (
    monitor String CODEC(ZSTD(1)),
    length UInt32 CODEC(ZSTD(1)),
    begin DateTime('UTC') CODEC(Delta, ZSTD(1)),
    region LowCardinality(String) CODEC(ZSTD(1)),
    total UInt64 CODEC(T64, ZSTD(1)),
    up UInt64 CODEC(T64, ZSTD(1)),
    took UInt64 CODEC(T64, ZSTD(1)),
    spread AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), UInt32) CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree(total)
PARTITION BY toYear(begin)
ORDER BY (monitor, length, begin, region)
SETTINGS index_granularity = 128, min_bytes_for_wide_part = 1000000000000, min_rows_for_wide_part = 1000000000000;

-- Many monitors share a granule of results, and the months are parts of their own.
ALTER TABLE probe_results ADD INDEX IF NOT EXISTS slots slot TYPE minmax GRANULARITY 1;

-- The roll-ups of `source` hold every row that was inserted before the newest `done_to`. Takes the place of `roll_ups`,
-- whose moment was that of the roll-up itself: rows inserted two minutes before it might still have been on their way.
CREATE TABLE IF NOT EXISTS rolled_up (
    source LowCardinality(String),
    done_to DateTime('UTC')
) ENGINE = ReplacingMergeTree(done_to)
ORDER BY source;

INSERT INTO rolled_up (source, done_to)
SELECT 'pings', max(done_to) - 120 FROM roll_ups HAVING count() > 0;

-- Incidents of a project in the order of their beginning, made of the transitions that open and close one, which come
-- at least once: each of these columns is the same in all of them, or empty, or grows only. `resolved` 0 while open.
CREATE TABLE IF NOT EXISTS incidents (
    project String CODEC(ZSTD(1)),
    started DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    incident String CODEC(ZSTD(1)),
    thing String CODEC(ZSTD(1)),
    resolved SimpleAggregateFunction(max, DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    cause SimpleAggregateFunction(max, String) CODEC(ZSTD(1))
) ENGINE = AggregatingMergeTree
ORDER BY (project, started, incident, thing)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS incidents_of_spans TO incidents AS
SELECT project, if(became = 'down', at, since) AS started, incident, thing,
       if(became = 'down', fromUnixTimestamp64Micro(0, 'UTC'), at) AS resolved, if(became = 'down', detail, '') AS cause
FROM spans
WHERE incident != '' AND (became = 'down' OR state = 'down');

INSERT INTO incidents (project, started, incident, thing, resolved, cause)
SELECT project, if(became = 'down', at, since), incident, thing,
       if(became = 'down', fromUnixTimestamp64Micro(0, 'UTC'), at), if(became = 'down', detail, '')
FROM spans
WHERE incident != '' AND (became = 'down' OR state = 'down');
