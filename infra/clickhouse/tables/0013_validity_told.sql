-- What people were told of the certificate and the domain of a monitor (`validity.told` in `transitions`; `n` counts them
-- of one monitor). `silent`: nobody was sent it. `data` is an object in JSON: what channels got besides the monitor. Facts
-- of before this table was made are in the log alone.
CREATE TABLE IF NOT EXISTS validity_told (
    thing String CODEC(ZSTD(1)),
    n UInt64 CODEC(Delta, ZSTD(1)),
    project String CODEC(ZSTD(1)),
    at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    detected_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    notice LowCardinality(String) CODEC(ZSTD(1)),
    silent UInt8 CODEC(ZSTD(1)),
    id String CODEC(ZSTD(1)),
    detail String CODEC(ZSTD(1)),
    data String CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree
ORDER BY (thing, n)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
