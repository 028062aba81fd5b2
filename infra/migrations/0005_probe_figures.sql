-- Regular results made while a monitor was in maintenance are results all the same, and count in no uptime.
ALTER TABLE probe_results
    ADD COLUMN IF NOT EXISTS maintenance UInt8 CODEC(ZSTD(1));

-- Regular results of probes by hour and by day of their slot (`length`: 3600 or 86400 seconds), recomputed and replaced,
-- never added to. A result counts once, however often it stands in `probe_results`. `results` are all there are, those in
-- maintenance among them, and the version: of two rows the fuller counts, and an hour whose results have expired keeps
-- what it had. A day is made of its hours. `counted` are those outside maintenance, `up` those of them that were well,
-- `took` the sum of what these took, microseconds, and `buckets` and `times` how often they took how long: bucket b is
-- from 1.04^(b-1), exclusive, to 1.04^b microseconds. `packed` holds each result of an hour, for the hour in which a window
-- begins and for those that later rows are added to: microseconds after `begin`, region, outcome (0 down, 1 up, 2 in
-- maintenance), microseconds it took. One row has all that is to be known of a day, so that a question is one read of
-- small granules next to each other; in one column, because each that is named costs a question time. It takes the place of `probe_roll_ups`.
CREATE TABLE IF NOT EXISTS probe_figures (
    monitor String CODEC(ZSTD(1)),
    length UInt32 CODEC(ZSTD(1)),
    begin UInt32 CODEC(Delta, ZSTD(1)),
    results UInt64 CODEC(T64, ZSTD(1)),
    figures Tuple(
        counted UInt64,
        up UInt64,
        took UInt64,
        buckets Array(UInt16),
        times Array(UInt64),
        packed Array(Tuple(UInt32, LowCardinality(String), UInt8, UInt32))
    ) CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree(results)
ORDER BY (monitor, length, begin)
SETTINGS index_granularity = 128, min_bytes_for_wide_part = 1000000000000, min_rows_for_wide_part = 1000000000000;

-- Counts of before go on to count, those of hours whose rows have expired, too. The rest is rolled up anew.
INSERT INTO probe_figures (monitor, length, begin, results, figures)
SELECT monitor, length, toUnixTimestamp(begin), sum(total) AS results, (results, sum(up), sum(took), [], [], [])
FROM probe_roll_ups FINAL GROUP BY monitor, length, begin;

ALTER TABLE rolled_up DELETE WHERE source = 'probe_results' SETTINGS mutations_sync = 2;

TRUNCATE TABLE IF EXISTS probe_roll_ups;
