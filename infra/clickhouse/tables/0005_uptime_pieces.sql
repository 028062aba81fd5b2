-- Regular results made while a monitor was in maintenance are results all the same, and count in no uptime.
ALTER TABLE probe_results
    ADD COLUMN IF NOT EXISTS maintenance UInt8 CODEC(ZSTD(1));

-- All that the uptime of a monitor is made of, side by side, because what a question costs is mostly its planning: so one
-- question reads it all, from small granules; of rows that stand twice whoever asks takes the one that counts. `kind` says what a row is; the columns of other kinds are empty:
-- 0, a result that may not be rolled up yet: `at` is when it was inserted, `n` tells results of a second apart; forgotten
--    three hours later, a whole hour of them at a time (`forget`).
-- 1 and 2, the regular results of an hour and of a day of their slot, from `at` on, recomputed and replaced, never added
--    to. A result counts once, however often it stands in `probe_results`. `results` are all there are, those in
--    maintenance among them, and the version: of two rows the fuller counts, of two as full the one `made` later, and an
--    hour whose results have expired keeps what it had. A day is made of its hours. `counted` are those outside maintenance, `up` those of them that were well,
--    `took` the sum of what these took, microseconds, and `buckets` and `times` how often they took how long: bucket b is
--    from 1.04^(b-1), exclusive, to 1.04^b microseconds. `packed` holds each result of an hour, for the hour in which a
--    window begins and for those that later rows are added to: microseconds after `at`, region, outcome (0 down, 1 up, 2
--    in maintenance), microseconds it took.
-- 3, the `n`-th span of the thing, which ended at `at`.
CREATE TABLE IF NOT EXISTS uptime_pieces (
    monitor String CODEC(ZSTD(1)),
    kind UInt8 CODEC(ZSTD(1)),
    at UInt32 CODEC(Delta, ZSTD(1)),
    n UInt64 CODEC(ZSTD(1)),
    results UInt64 CODEC(T64, ZSTD(1)),
    made Int64 DEFAULT toUnixTimestamp64Micro(now64(6)) CODEC(Delta, ZSTD(1)),
    figures Tuple(
        counted UInt64,
        up UInt64,
        took UInt64,
        buckets Array(UInt16),
        times Array(UInt64),
        packed Array(Tuple(UInt32, LowCardinality(String), UInt8, UInt32))
    ) CODEC(ZSTD(1)),
    result Tuple(slot Int64, region String, outcome UInt8, took UInt32) CODEC(ZSTD(1)),
    span Tuple(since Int64, until Int64, state String) CODEC(ZSTD(1)),
    forget DateTime('UTC') CODEC(Delta, ZSTD(1))
) ENGINE = ReplacingMergeTree(results)
PARTITION BY toStartOfHour(forget)
ORDER BY (monitor, kind, at, n)
TTL forget
SETTINGS index_granularity = 128, min_bytes_for_wide_part = 1000000000000, min_rows_for_wide_part = 1000000000000,
    ttl_only_drop_parts = 1, merge_with_ttl_timeout = 600, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS pieces_of_results TO uptime_pieces AS
SELECT monitor, 0 AS kind, toUnixTimestamp(inserted_at) AS at, cityHash64(slot, region) AS n,
       (toUnixTimestamp64Micro(slot), region, if(maintenance, 2, ok), took) AS result, inserted_at + 10800 AS forget
FROM probe_results WHERE confirm = 0 AND inserted_at >= now('UTC') - 10800;

CREATE MATERIALIZED VIEW IF NOT EXISTS pieces_of_spans TO uptime_pieces AS
SELECT thing AS monitor, 3 AS kind, toUnixTimestamp(at) AS at, n,
       (toUnixTimestamp64Micro(since), toUnixTimestamp64Micro(spans.at), state) AS span
FROM spans;

INSERT INTO uptime_pieces (monitor, kind, at, n, result, forget)
SELECT monitor, 0, toUnixTimestamp(inserted_at), cityHash64(slot, region),
       (toUnixTimestamp64Micro(slot), region, if(maintenance, 2, ok), took), inserted_at + 10800
FROM probe_results WHERE confirm = 0 AND inserted_at >= now('UTC') - 10800;

INSERT INTO uptime_pieces (monitor, kind, at, n, span)
SELECT thing, 3, toUnixTimestamp(at), n, (toUnixTimestamp64Micro(since), toUnixTimestamp64Micro(at), state) FROM spans;

-- Counts of before go on to count, those of hours whose rows have expired, too. The rest is rolled up anew.
INSERT INTO uptime_pieces (monitor, kind, at, results, figures)
SELECT monitor, if(length = 3600, 1, 2), toUnixTimestamp(begin), sum(total) AS results,
       (results, sum(up), sum(took), [], [], [])
FROM probe_roll_ups FINAL GROUP BY monitor, length, begin;

ALTER TABLE rolled_up DELETE WHERE source = 'probe_results' SETTINGS mutations_sync = 2;

TRUNCATE TABLE IF EXISTS probe_roll_ups;
