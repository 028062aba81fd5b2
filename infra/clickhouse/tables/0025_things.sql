-- What things are called: projects, checks, monitors and channels, from the topic `definitions` (`off` is the offset there,
-- plus one). At most two rows stay of a thing: what it was last (`removed` 0), and that it was removed then (`removed` 1,
-- with nothing but `at`). It is gone when the second has the greater `off`. `at` is when the record was written. `type` is
-- the kind of a monitor (http), of a schedule (cron) or of a channel (email). No addresses and no secrets stand here.
CREATE TABLE IF NOT EXISTS things (
    kind LowCardinality(String) CODEC(ZSTD(1)),
    id String CODEC(ZSTD(1)),
    removed UInt8 CODEC(ZSTD(1)),
    off UInt64 CODEC(T64, ZSTD(1)),
    at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    project String CODEC(ZSTD(1)),
    name String CODEC(ZSTD(1)),
    tags Array(String) CODEC(ZSTD(1)),
    type LowCardinality(String) CODEC(ZSTD(1)),
    created DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1))
) ENGINE = ReplacingMergeTree(off)
ORDER BY (kind, id, removed)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Things that are gone have no record any more: the audit trail knows what they were called.
INSERT INTO things (kind, id, removed, off, at, project, name, created)
SELECT kind, thing, 0, 0, max(at), any(project), argMaxIf(thing_name, at, thing_name != ''), min(at)
FROM audit WHERE kind IN ('project', 'check', 'monitor', 'channel') GROUP BY kind, thing;

INSERT INTO things (kind, id, removed, off, at)
SELECT kind, thing, 1, 0, max(at)
FROM audit WHERE kind IN ('project', 'check', 'monitor', 'channel')
GROUP BY kind, thing HAVING argMax(action, (at, off)) = 'deleted';
