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
    `event` String COMMENT 'Id of the change; joins with event of deliveries'
) DEFINER = CURRENT_USER SQL SECURITY DEFINER
COMMENT 'Every change of the status of a check or monitor{mark}'
AS SELECT project, thing, at AS changed_at, detected_at, state AS was, became, reason, detail, incident, transition AS event
FROM {history}.spans FINAL
