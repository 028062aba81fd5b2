-- What a probe did: `method` where the definition leaves it open, `url` where redirects led to; `families` what each
-- address family was found to be, as JSON, where both were probed, and `family_down` the one that failed alone. In rows of
-- before nothing of that is known.
ALTER TABLE probe_results
    ADD COLUMN IF NOT EXISTS method LowCardinality(String) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS http_version LowCardinality(String) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS url String CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS family_down LowCardinality(String) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS families String CODEC(ZSTD(1));

-- Of an incident: only one address family was ever found failing. Its end says it for good.
ALTER TABLE spans
    ADD COLUMN IF NOT EXISTS partial UInt8 CODEC(ZSTD(1));

ALTER TABLE incidents
    ADD COLUMN IF NOT EXISTS partial SimpleAggregateFunction(min, UInt8) CODEC(ZSTD(1));

ALTER TABLE incidents_of_spans MODIFY QUERY
SELECT project, if(became = 'down', at, since) AS started, incident, thing,
       if(became = 'down', fromUnixTimestamp64Micro(0, 'UTC'), at) AS resolved, if(became = 'down', detail, '') AS cause,
       partial
FROM spans
WHERE incident != '' AND (became = 'down' OR state = 'down');
