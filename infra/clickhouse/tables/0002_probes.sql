-- Results of probes. What identifies a result is its slot, not its place in Kafka: two probers may both have had a slot
-- for a moment, and then it counts once. `confirm` is 0 for a regular probe. Durations are microseconds, -1 is none.
CREATE TABLE IF NOT EXISTS probe_results (
    monitor String CODEC(ZSTD(1)),
    slot DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    confirm UInt16 CODEC(ZSTD(1)),
    region LowCardinality(String) CODEC(ZSTD(1)),
    at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    ok UInt8 CODEC(ZSTD(1)),
    failure LowCardinality(String) CODEC(ZSTD(1)),
    detail String CODEC(ZSTD(1)),
    status Int16 CODEC(ZSTD(1)),
    took UInt32 CODEC(T64, ZSTD(1)),
    lookup Int32 CODEC(T64, ZSTD(1)),
    connect Int32 CODEC(T64, ZSTD(1)),
    tls Int32 CODEC(T64, ZSTD(1)),
    first_byte Int32 CODEC(T64, ZSTD(1)),
    address String CODEC(ZSTD(1)),
    inserted_at DateTime('UTC') DEFAULT now() CODEC(Delta, ZSTD(1)),
    INDEX arrivals inserted_at TYPE minmax GRANULARITY 1
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(inserted_at)
ORDER BY (monitor, slot, confirm, region)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
