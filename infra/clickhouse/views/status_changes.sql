-- What channels are told has an id of its own, derived from those of the change and the notice: `schemas.deliveries.event_id`.
CREATE OR REPLACE VIEW {analytics}.status_changes (
    `project` String COMMENT 'Id of the project',
    `thing` String COMMENT 'Id of the check or monitor',
    `changed_at` DateTime64(6, 'UTC') COMMENT 'When it changed; of a missed deadline the deadline itself',
    `detected_at` DateTime64(6, 'UTC') COMMENT 'When Pingfold detected it',
    `was` LowCardinality(String) COMMENT 'Status before: new, up, late, not_observed, down, paused or maintenance',
    `became` LowCardinality(String) COMMENT 'Status from then on; removed: the thing was deleted',
    `reason` LowCardinality(String) COMMENT 'ping, probe, fail, deadline, run limit, gap, paused, resumed, maintenance, defined or removed',
    `detail` String COMMENT 'The reason in words',
    `incident` String COMMENT 'Id of the incident that this opens or closes, else empty',
    `change` String COMMENT 'Id of the change, as in the topic transitions',
    `events` Array(String) COMMENT 'What channels may be told of it: arrayJoin(events) joins with event of deliveries'
) DEFINER = CURRENT_USER SQL SECURITY DEFINER
COMMENT 'Every change of the status of a check or monitor{mark}'
AS SELECT project, thing, at AS changed_at, detected_at, state AS was, became, reason, detail, incident, transition AS change,
       arrayMap(h -> concat(substring(h, 1, 8), '-', substring(h, 9, 4), '-5', substring(h, 14, 3), '-',
                            lower(hex(bitOr(bitAnd(reinterpretAsUInt8(unhex(substring(h, 17, 2))), 63), 128))),
                            substring(h, 19, 2), '-', substring(h, 21, 12)),
           arrayMap(notice -> lower(hex(SHA1(concat(unhex('8a6e0d0c5d4b4b0e9a533f1f5b1f6d10'), transition, ':', notice)))),
               multiIf(became = 'down', ['monitor.down', 'incident.created'],
                       became = 'late', ['monitor.late'],
                       became = 'not_observed', ['monitor.not_observed'],
                       ['monitor.recovered', 'incident.resolved']))) AS events
FROM {history}.spans FINAL
