CREATE OR REPLACE VIEW {analytics}.acknowledgements (
    `project` String COMMENT 'Id of the project',
    `incident` String COMMENT 'Id of the incident',
    `thing` String COMMENT 'Id of the check or monitor',
    `acknowledged_at` DateTime64(6, 'UTC') COMMENT 'When somebody first acknowledged it',
    `by` String COMMENT 'Who, as it was said'
) DEFINER = CURRENT_USER SQL SECURITY DEFINER
COMMENT 'The first acknowledgement of each incident that has one{mark}'
AS SELECT a.project AS project, JSONExtractString(
           arrayFirst(change -> JSONExtractString(change, 'field') = 'incident', JSONExtractArrayRaw(changes)), 'new'
       ) AS incident,
       any(a.thing) AS thing, min(a.at) AS acknowledged_at, argMin(JSONExtractString(
           arrayFirst(change -> JSONExtractString(change, 'field') = 'by', JSONExtractArrayRaw(changes)), 'new'
       ), a.at) AS by
FROM {history}.audit AS a
WHERE action = 'acknowledged'
GROUP BY project, incident
HAVING incident != ''
