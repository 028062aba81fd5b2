CREATE OR REPLACE VIEW {analytics}.incidents (
    `project` String COMMENT 'Id of the project',
    `incident` String COMMENT 'Id of the incident',
    `thing` String COMMENT 'Id of the check or monitor that was down',
    `started_at` DateTime64(6, 'UTC') COMMENT 'Beginning: the first failure, or the deadline that was missed',
    `resolved_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'End; NULL while it is open',
    `seconds` Float64 COMMENT 'How long it lasted, or lasts so far',
    `cause` String COMMENT 'What was found, in words',
    `partial` UInt8 COMMENT '1: only one of two address families (IPv4, IPv6) ever failed'
) DEFINER = CURRENT_USER SQL SECURITY DEFINER
COMMENT 'Incidents of checks and monitors, each once{mark}'
AS SELECT project, incident, thing, started AS started_at,
       if(max(i.resolved) = fromUnixTimestamp64Micro(0, 'UTC'), NULL, max(i.resolved)) AS resolved_at,
       (toUnixTimestamp64Micro(ifNull(resolved_at, now64(6, 'UTC'))) - toUnixTimestamp64Micro(started)) / 1e6 AS seconds,
       max(i.cause) AS cause, min(i.partial) AS partial
FROM {history}.incidents AS i
GROUP BY project, started, incident, thing
