-- What the closed spans leave is the present one: it follows from the newest change. Where a span begins, those before it
-- end, whatever they say, so that each moment counts once (query_api/history/uptime.py).
CREATE OR REPLACE VIEW {analytics}.status_spans (
    `project` String COMMENT 'Id of the project',
    `thing` String COMMENT 'Id of the check or monitor',
    `status` LowCardinality(String) COMMENT 'new, up, late, not_observed, down, paused or maintenance',
    `started_at` DateTime64(6, 'UTC') COMMENT 'Beginning',
    `ended_at` DateTime64(6, 'UTC') COMMENT 'End, not included; of the present span now',
    `seconds` Float64 COMMENT 'How long it lasted, or lasts so far',
    `open` UInt8 COMMENT '1: this is the present status'
) DEFINER = CURRENT_USER SQL SECURITY DEFINER
COMMENT 'What status each check and monitor had when; spans of one thing never overlap{mark}'
AS SELECT project, thing, status, since AS started_at, until AS ended_at,
          (toUnixTimestamp64Micro(until) - toUnixTimestamp64Micro(since)) / 1e6 AS seconds, open
FROM (
    SELECT project, thing, status, since, open,
           least(at, ifNull(min(toNullable(since)) OVER (
               PARTITION BY thing ORDER BY n ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
           ), at)) AS until
    FROM (
        SELECT project, thing, n, state AS status, since, at, 0 AS open FROM {history}.spans FINAL WHERE at > since
        UNION ALL
        SELECT any(s.project) AS project, s.thing AS thing, max(s.n) + 1 AS n, argMax(s.became, s.n) AS status,
               argMax(s.at, s.n) AS since, now64(6, 'UTC') AS at, 1 AS open
        FROM {history}.spans AS s GROUP BY s.thing HAVING status != 'removed'
    )
)
WHERE until > since
