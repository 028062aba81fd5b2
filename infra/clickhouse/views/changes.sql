-- Not the values: they are for who may see the definitions.
CREATE OR REPLACE VIEW {analytics}.changes (
    `project` String COMMENT 'Id of the project',
    `changed_at` DateTime64(6, 'UTC') COMMENT 'When it counted',
    `action` LowCardinality(String) COMMENT 'created, updated, deleted, paused, acknowledged and so on',
    `kind` LowCardinality(String) COMMENT 'check, monitor, channel and so on',
    `thing` String COMMENT 'Id of what was changed',
    `name` String COMMENT 'Its name at the time',
    `actor` LowCardinality(String) COMMENT 'What kind of caller it was, such as api_key',
    `user` String COMMENT 'Who it was, where that is known',
    `fields` Array(String) COMMENT 'Names of the fields that changed'
) DEFINER = CURRENT_USER SQL SECURITY DEFINER
COMMENT 'The audit trail without values: who changed what{mark}'
AS SELECT project, at AS changed_at, action, kind, thing, thing_name AS name, actor, user,
       arrayMap(change -> JSONExtractString(change, 'field'), JSONExtractArrayRaw(changes)) AS fields
FROM {history}.audit FINAL
