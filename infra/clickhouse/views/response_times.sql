-- Rows of kind 1 of 0005_uptime_pieces.sql. Bucket b is up to 1.04^b microseconds: its middle, by ratio, is told.
CREATE OR REPLACE VIEW {analytics}.response_times (
    `thing` String COMMENT 'Id of the monitor',
    `hour` DateTime('UTC') COMMENT 'Beginning of the hour',
    `results` UInt64 COMMENT 'Results of regular probes outside maintenance',
    `failures` UInt64 COMMENT 'Those of them that failed',
    `mean_seconds` Nullable(Float64) COMMENT 'Mean time of those that were well; NULL without any',
    `p50_seconds` Nullable(Float64) COMMENT 'Median of these times, to 2 %',
    `p95_seconds` Nullable(Float64) COMMENT '95th percentile, to 2 %',
    `p99_seconds` Nullable(Float64) COMMENT '99th percentile, to 2 %'
) DEFINER = CURRENT_USER SQL SECURITY DEFINER
COMMENT 'Results and response times of monitors by hour, brought up to date about once a minute{mark}'
AS WITH arraySort(arrayZip(figures.buckets, figures.times)) AS spread, arrayCumSum(spread.2) AS reached
SELECT monitor AS thing, toDateTime(at, 'UTC') AS hour, figures.counted AS results,
       figures.counted - figures.up AS failures, if(figures.up > 0, figures.took / figures.up / 1e6, NULL) AS mean_seconds,
       if(empty(reached), NULL, pow(1.04, spread.1[arrayFirstIndex(n -> n >= 0.5 * reached[-1], reached)] - 0.5) / 1e6)
           AS p50_seconds,
       if(empty(reached), NULL, pow(1.04, spread.1[arrayFirstIndex(n -> n >= 0.95 * reached[-1], reached)] - 0.5) / 1e6)
           AS p95_seconds,
       if(empty(reached), NULL, pow(1.04, spread.1[arrayFirstIndex(n -> n >= 0.99 * reached[-1], reached)] - 0.5) / 1e6)
           AS p99_seconds
FROM {history}.uptime_pieces FINAL
WHERE kind = 1
