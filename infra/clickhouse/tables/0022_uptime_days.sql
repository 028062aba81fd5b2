-- How much of each day (UTC) a thing was up, by time and by count, and how long its runs took: for questions about many
-- things at once. Recomputed and replaced, never added to: of two rows the one with the greater `version` counts, of two
-- that are the same the later one, so a day whose rows have expired keeps what it had.

-- `source` says what a row is made of; columns of other sources are empty.
-- results: regular results of a monitor outside maintenance, and signals: pings of a check that say success or failure.
--    `total` are all of them, `good` those that were well; `totals` and `goods` the same by quarter of an hour, 96 of them.
--    `version` counts the rows that it came from.
-- spans: microseconds that the thing was up (late, too), down and not observed, and the `pieces` of its spans that lie in
--    the day, in the order of their numbers. `version` is the length of all pieces.
-- By day first: questions about many things are about the first day of a range, and the last.
CREATE TABLE IF NOT EXISTS uptime_days (
    day Date CODEC(Delta, ZSTD(1)),
    thing String CODEC(ZSTD(1)),
    source LowCardinality(String) CODEC(ZSTD(1)),
    version UInt64 CODEC(T64, ZSTD(1)),
    total UInt64 CODEC(T64, ZSTD(1)),
    good UInt64 CODEC(T64, ZSTD(1)),
    totals Array(UInt32) CODEC(ZSTD(1)),
    goods Array(UInt32) CODEC(ZSTD(1)),
    up UInt64 CODEC(T64, ZSTD(1)),
    down UInt64 CODEC(T64, ZSTD(1)),
    not_observed UInt64 CODEC(T64, ZSTD(1)),
    pieces Array(Tuple(n UInt64, since Int64, until Int64, state LowCardinality(String))) CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree(version)
PARTITION BY toYear(day)
ORDER BY (day, thing, source)
SETTINGS index_granularity = 256, fsync_after_insert = 1, fsync_part_directory = 1;

-- The same days by month, so that a quarter of a year of a thing is four rows: each list has a number for every day, from
-- the first of the month on. A month is made of all its days, those among them whose rows have expired.
CREATE TABLE IF NOT EXISTS uptime_months (
    thing String CODEC(ZSTD(1)),
    month Date CODEC(Delta, ZSTD(1)),
    source LowCardinality(String) CODEC(ZSTD(1)),
    version UInt64 CODEC(T64, ZSTD(1)),
    totals Array(UInt32) CODEC(ZSTD(1)),
    goods Array(UInt32) CODEC(ZSTD(1)),
    ups Array(UInt64) CODEC(ZSTD(1)),
    downs Array(UInt64) CODEC(ZSTD(1)),
    not_observed Array(UInt64) CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree(version)
PARTITION BY toYear(month)
ORDER BY (thing, month, source)
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1;

-- How long the runs of a check took, by hour and by day (`length`: 3600 or 86400 seconds) of their end. A day is made of
-- its hours. `runs` are those whose duration is known, and the version; `took` is their sum and `longest` the greatest,
-- microseconds. `buckets` and `times` say how many took how long: bucket b is from 1.04^(b-1), exclusive, to 1.04^b
-- microseconds.
CREATE TABLE IF NOT EXISTS run_times (
    check_id String CODEC(ZSTD(1)),
    length UInt32 CODEC(ZSTD(1)),
    begin DateTime('UTC') CODEC(Delta, ZSTD(1)),
    runs UInt64 CODEC(T64, ZSTD(1)),
    took UInt64 CODEC(T64, ZSTD(1)),
    longest UInt64 CODEC(T64, ZSTD(1)),
    buckets Array(UInt16) CODEC(ZSTD(1)),
    times Array(UInt64) CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree(runs)
PARTITION BY toYear(begin)
ORDER BY (check_id, length, begin)
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1;

-- When a span was inserted, so that roll-ups know what is new. Rows of before have the time at which they were detected.
ALTER TABLE spans ADD COLUMN IF NOT EXISTS inserted_at DateTime('UTC') DEFAULT toDateTime(detected_at, 'UTC') CODEC(Delta, ZSTD(1));

ALTER TABLE spans MATERIALIZE COLUMN inserted_at SETTINGS mutations_sync = 2;

ALTER TABLE spans MODIFY COLUMN inserted_at DateTime('UTC') DEFAULT now() CODEC(Delta, ZSTD(1));

ALTER TABLE spans ADD INDEX IF NOT EXISTS arrivals inserted_at TYPE minmax GRANULARITY 1;
