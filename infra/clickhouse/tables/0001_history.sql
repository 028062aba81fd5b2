-- History (DESIGN section 5). Everything here is inserted at least once and counted once: each table is keyed by what
-- identifies its row in Kafka, copies merge away in time, and a read that comes earlier drops them itself (LIMIT 1 BY).
-- Text that is absent is '', a number that is absent is -1. Times are microseconds, UTC.
-- fsync: an acknowledged insert survives a power cut, too; Kafka would not send it again.

-- The topic `pings`, row by row; `part` and `off` are its partition and offset. A check's rows stand in the order in
-- which the fold counted them. `inserted_at` decides the month, so that one insert is always one part and no time that a
-- producer claims can scatter it; `body_size` spares lists the reading of bodies.
CREATE TABLE IF NOT EXISTS pings (
    check_id String CODEC(ZSTD(1)),
    part UInt16 CODEC(ZSTD(1)),
    off UInt64 CODEC(Delta, ZSTD(1)),
    at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    kind LowCardinality(String) CODEC(ZSTD(1)),
    exitstatus Int16 CODEC(ZSTD(1)),
    rid String CODEC(ZSTD(1)),
    scheme String CODEC(ZSTD(1)),
    method String CODEC(ZSTD(1)),
    remote_addr String CODEC(ZSTD(1)),
    ua String CODEC(ZSTD(1)),
    body_size UInt32 CODEC(T64, ZSTD(1)),
    body String CODEC(ZSTD(1)),
    inserted_at DateTime('UTC') DEFAULT now() CODEC(Delta, ZSTD(1)),
    INDEX times at TYPE minmax GRANULARITY 1,
    INDEX arrivals inserted_at TYPE minmax GRANULARITY 1
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(inserted_at)
ORDER BY (check_id, off, part)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- What the fold alone knows of a ping: `at` when it counted, `kind` when it counted as something else, `duration` of the
-- run that it ended, `counted` = 0 when no check took it (unknown, removed) or the fold refused it.
CREATE TABLE IF NOT EXISTS ping_facts (
    check_id String CODEC(ZSTD(1)),
    part UInt16 CODEC(ZSTD(1)),
    off UInt64 CODEC(Delta, ZSTD(1)),
    at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    kind LowCardinality(String) CODEC(ZSTD(1)),
    duration Int64 CODEC(T64, ZSTD(1)),
    counted UInt8 CODEC(ZSTD(1)),
    inserted_at DateTime('UTC') DEFAULT now() CODEC(Delta, ZSTD(1)),
    INDEX arrivals inserted_at TYPE minmax GRANULARITY 1
) ENGINE = ReplacingMergeTree
ORDER BY (check_id, off, part)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Transitions, each with the span that it closes: `thing` was `state` from `since` to `at`, and became `became`.
CREATE TABLE IF NOT EXISTS spans (
    thing String CODEC(ZSTD(1)),
    n UInt64 CODEC(Delta, ZSTD(1)),
    project String CODEC(ZSTD(1)),
    state LowCardinality(String) CODEC(ZSTD(1)),
    since DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    became LowCardinality(String) CODEC(ZSTD(1)),
    reason LowCardinality(String) CODEC(ZSTD(1)),
    detected_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    transition String CODEC(ZSTD(1)),
    incident String CODEC(ZSTD(1)),
    detail String CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree
ORDER BY (thing, n)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Gaps; `until` 0 while open. The newest word on a gap (`off`, in `transitions`) counts.
CREATE TABLE IF NOT EXISTS gaps (
    part UInt16 CODEC(ZSTD(1)),
    since DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    cause LowCardinality(String) CODEC(ZSTD(1)),
    slot String CODEC(ZSTD(1)),
    until DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    off UInt64 CODEC(Delta, ZSTD(1))
) ENGINE = ReplacingMergeTree(off)
ORDER BY (part, since, cause, slot)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS deliveries_finished (
    channel String CODEC(ZSTD(1)),
    at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    delivery String CODEC(ZSTD(1)),
    notice LowCardinality(String) CODEC(ZSTD(1)),
    outcome LowCardinality(String) CODEC(ZSTD(1)),
    attempts UInt32 CODEC(T64, ZSTD(1)),
    detail String CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree
ORDER BY (channel, at, delivery)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Pings of a check by hour, recomputed from the rows and replaced, never added to. `version` counts the rows it came
-- from (pings and facts), so the newer of two is the fuller, and an hour whose rows have expired keeps what it had.
-- `durations` counts the runs that have one; sum and maximum in microseconds.
CREATE TABLE IF NOT EXISTS ping_hours (
    check_id String CODEC(ZSTD(1)),
    hour DateTime('UTC') CODEC(Delta, ZSTD(1)),
    successes UInt64 CODEC(T64, ZSTD(1)),
    starts UInt64 CODEC(T64, ZSTD(1)),
    fails UInt64 CODEC(T64, ZSTD(1)),
    logs UInt64 CODEC(T64, ZSTD(1)),
    ignored UInt64 CODEC(T64, ZSTD(1)),
    durations UInt64 CODEC(T64, ZSTD(1)),
    duration_sum UInt64 CODEC(T64, ZSTD(1)),
    duration_max UInt64 CODEC(T64, ZSTD(1)),
    version UInt64 CODEC(T64, ZSTD(1))
) ENGINE = ReplacingMergeTree(version)
PARTITION BY toYear(hour)
ORDER BY (check_id, hour);

-- Roll-ups hold every row that was inserted before the newest `done_to`.
CREATE TABLE IF NOT EXISTS roll_ups (
    done_to DateTime('UTC')
) ENGINE = ReplacingMergeTree(done_to)
ORDER BY tuple();
