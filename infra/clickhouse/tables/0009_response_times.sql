-- How long the parts of a probe took, and how fast targets answered: for Apdex, whose threshold may change at any time.

-- What was spent on redirects before the last connection, microseconds; -1 without any, 0 in rows of before.
ALTER TABLE probe_results
    ADD COLUMN IF NOT EXISTS redirect Int32 CODEC(ZSTD(1));

-- `phases` belong to rows of kind 0 (microseconds, -1 is none). Two kinds of rows are new:
-- 4 and 5, the regular results of an hour and of a day of their slot in one region (`n` is the hash of its name),
--    recomputed and replaced as those of kinds 1 and 2 are, with the same `results` and `made`. `samples` are those outside
--    maintenance, `failures` those of them that failed; all others stand in `times`, by response time: bucket b is up to
--    125 * 2^b ms, the last one beyond. The sums are of these others, microseconds.
ALTER TABLE uptime_pieces
    ADD COLUMN IF NOT EXISTS phases Tuple(
        redirect Int32,
        lookup Int32,
        connect Int32,
        tls Int32,
        first_byte Int32
    ) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS answers Tuple(
        region LowCardinality(String),
        samples UInt64,
        failures UInt64,
        times Array(UInt64),
        redirect UInt64,
        lookup UInt64,
        connect UInt64,
        tls UInt64,
        first_byte UInt64
    ) CODEC(ZSTD(1));

ALTER TABLE pieces_of_results MODIFY QUERY
SELECT monitor, 0 AS kind, toUnixTimestamp(inserted_at) AS at, cityHash64(slot, region) AS n,
       (toUnixTimestamp64Micro(slot), region, if(maintenance, 2, ok), took) AS result,
       (redirect, lookup, connect, tls, first_byte) AS phases, inserted_at + 10800 AS forget
FROM probe_results WHERE confirm = 0 AND inserted_at >= now('UTC') - 10800;

-- Rows of kind 0 of before, once more with their phases: the one `made` later counts.
INSERT INTO uptime_pieces (monitor, kind, at, n, result, phases, forget)
SELECT monitor, 0, toUnixTimestamp(inserted_at), cityHash64(slot, region),
       (toUnixTimestamp64Micro(slot), region, if(maintenance, 2, ok), took),
       (redirect, lookup, connect, tls, first_byte), inserted_at + 10800
FROM probe_results WHERE confirm = 0 AND inserted_at >= now('UTC') - 10800;
