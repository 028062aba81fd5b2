CREATE OR REPLACE VIEW {analytics}.uptime_daily (
    `project` String COMMENT 'Id of the project',
    `thing` String COMMENT 'Id of the check or monitor',
    `day` Date COMMENT 'Day in UTC',
    `up_seconds` Float64 COMMENT 'Seconds up, late ones among them: a late run may still come',
    `down_seconds` Float64 COMMENT 'Seconds down',
    `late_seconds` Float64 COMMENT 'Seconds late, which are counted as up, too',
    `not_observed_seconds` Float64 COMMENT 'Seconds in which Pingfold could not tell; neither up nor down',
    `maintenance_seconds` Float64 COMMENT 'Seconds in maintenance; neither up nor down',
    `paused_seconds` Float64 COMMENT 'Seconds paused; neither up nor down',
    `new_seconds` Float64 COMMENT 'Seconds before the first ping or result; neither up nor down',
    `uptime` Nullable(Float64) COMMENT 'up / (up + down), from 0 to 1; NULL when it was neither'
) DEFINER = CURRENT_USER SQL SECURITY DEFINER
COMMENT 'How long each check and monitor had which status, by day (UTC). Sum seconds over days, never average uptime{mark}'
AS SELECT project, thing, day,
       sumIf(spent, status IN ('up', 'late')) AS up_seconds, sumIf(spent, status = 'down') AS down_seconds,
       sumIf(spent, status = 'late') AS late_seconds, sumIf(spent, status = 'not_observed') AS not_observed_seconds,
       sumIf(spent, status = 'maintenance') AS maintenance_seconds, sumIf(spent, status = 'paused') AS paused_seconds,
       sumIf(spent, status = 'new') AS new_seconds,
       if(up_seconds + down_seconds > 0, up_seconds / (up_seconds + down_seconds), NULL) AS uptime
FROM (
    SELECT project, thing, status, toDate(number) AS day,
           (least(ends, (number + 1) * 86400000000) - greatest(begins, number * 86400000000)) / 1e6 AS spent
    FROM (
        SELECT project, thing, status, toUnixTimestamp64Micro(started_at) AS begins,
               toUnixTimestamp64Micro(ended_at) AS ends,
               arrayJoin(range(toUInt32(intDiv(begins, 86400000000)), toUInt32(intDiv(ends - 1, 86400000000) + 1)))
                   AS number
        FROM {analytics}.status_spans
    )
)
GROUP BY project, thing, day
