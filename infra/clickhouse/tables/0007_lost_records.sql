-- Records that history never got: those of a partition of `topic` from the offset `since` up to, not including, `until`
-- were no longer there when the writer came to read them (retention, an operator).
CREATE TABLE IF NOT EXISTS lost_records (
    topic LowCardinality(String) CODEC(ZSTD(1)),
    part UInt16 CODEC(ZSTD(1)),
    since UInt64 CODEC(Delta, ZSTD(1)),
    until UInt64 CODEC(Delta, ZSTD(1)),
    found_at DateTime('UTC') DEFAULT now()
) ENGINE = ReplacingMergeTree
ORDER BY (topic, part, since, until)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
