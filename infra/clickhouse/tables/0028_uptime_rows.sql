-- The same months and days as in uptime_months and uptime_days, and the newest spans, side by side: what a question about a
-- few things costs is mostly its planning, and of one table that is the least. `kind` says what a row is; the columns of
-- other kinds are empty. `at` is in seconds:
-- 0 and 1, a month and a day from `at` on, as they stand there (0022_uptime_days.sql); `n` tells sources apart.
-- 2, the `n`-th span of a thing, as the one piece of `pieces`, inserted `at` that time; forgotten after two days: by then
--    it is rolled up.
CREATE TABLE IF NOT EXISTS uptime_rows (
    thing String CODEC(ZSTD(1)),
    kind UInt8 CODEC(ZSTD(1)),
    at UInt32 CODEC(Delta, ZSTD(1)),
    n UInt64 CODEC(ZSTD(1)),
    version UInt64 CODEC(T64, ZSTD(1)),
    totals Array(UInt32) CODEC(ZSTD(1)),
    goods Array(UInt32) CODEC(ZSTD(1)),
    ups Array(UInt64) CODEC(ZSTD(1)),
    downs Array(UInt64) CODEC(ZSTD(1)),
    not_observed Array(UInt64) CODEC(ZSTD(1)),
    pieces Array(Tuple(UInt64, Int64, Int64, String)) CODEC(ZSTD(1)),
    forget DateTime('UTC') CODEC(Delta, ZSTD(1))
) ENGINE = ReplacingMergeTree(version)
PARTITION BY toDate(forget)
ORDER BY (thing, kind, at, n)
TTL forget
SETTINGS index_granularity = 128, min_bytes_for_wide_part = 1000000000000, min_rows_for_wide_part = 1000000000000,
    ttl_only_drop_parts = 1, merge_with_ttl_timeout = 600, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS rows_of_months TO uptime_rows AS
SELECT thing, 0 AS kind, toUInt32(month) * 86400 AS at, indexOf(['results', 'signals', 'spans'], toString(source)) AS n,
       version, totals, goods, ups, downs, not_observed
FROM uptime_months;

CREATE MATERIALIZED VIEW IF NOT EXISTS rows_of_days TO uptime_rows AS
SELECT thing, 1 AS kind, toUInt32(day) * 86400 AS at, indexOf(['results', 'signals', 'spans'], toString(source)) AS n,
       version, totals, goods, pieces
FROM uptime_days;

CREATE MATERIALIZED VIEW IF NOT EXISTS rows_of_spans TO uptime_rows AS
SELECT thing, 2 AS kind, toUnixTimestamp(inserted_at) AS at, n,
       [(n, toUnixTimestamp64Micro(since), toUnixTimestamp64Micro(spans.at), toString(state))] AS pieces,
       toDateTime(toDate(inserted_at) + 2, 'UTC') AS forget
FROM spans;

INSERT INTO uptime_rows (thing, kind, at, n, version, totals, goods, ups, downs, not_observed)
SELECT thing, 0, toUInt32(month) * 86400, indexOf(['results', 'signals', 'spans'], toString(source)), version, totals,
       goods, ups, downs, not_observed
FROM uptime_months FINAL;

INSERT INTO uptime_rows (thing, kind, at, n, version, totals, goods, pieces)
SELECT thing, 1, toUInt32(day) * 86400, indexOf(['results', 'signals', 'spans'], toString(source)), version, totals, goods,
       pieces
FROM uptime_days FINAL;

INSERT INTO uptime_rows (thing, kind, at, n, pieces, forget)
SELECT thing, 2, toUnixTimestamp(inserted_at), n,
       [(n, toUnixTimestamp64Micro(since), toUnixTimestamp64Micro(spans.at), toString(state))],
       toDateTime(toDate(inserted_at) + 2, 'UTC')
FROM spans WHERE inserted_at >= now('UTC') - 86400;
