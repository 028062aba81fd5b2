-- The audit trail: who changed what of a project (`thing.changed` in `transitions`; `part` and `off` are its place there).
-- `changes` is a list in JSON: the fields that changed, with their values as far as they are no secrets. `key_id` is the id
-- of an API key, never the key.
CREATE TABLE IF NOT EXISTS audit (
    project String CODEC(ZSTD(1)),
    at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    part UInt16 CODEC(ZSTD(1)),
    off UInt64 CODEC(Delta, ZSTD(1)),
    id String CODEC(ZSTD(1)),
    command LowCardinality(String) CODEC(ZSTD(1)),
    action LowCardinality(String) CODEC(ZSTD(1)),
    kind LowCardinality(String) CODEC(ZSTD(1)),
    thing String CODEC(ZSTD(1)),
    thing_name String CODEC(ZSTD(1)),
    actor LowCardinality(String) CODEC(ZSTD(1)),
    key_id String CODEC(ZSTD(1)),
    user String CODEC(ZSTD(1)),
    address String CODEC(ZSTD(1)),
    changes String CODEC(ZSTD(1)),
    others UInt32 CODEC(T64, ZSTD(1)),
    retried UInt8 CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree
ORDER BY (project, at, part, off, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
