-- A thing has at most two rows that count: what it was last, and that it was removed.
CREATE OR REPLACE VIEW {analytics}.things (
    `kind` LowCardinality(String) COMMENT 'project, check, monitor or channel',
    `thing` String COMMENT 'Id; joins with thing, project or channel of the other views',
    `project` String COMMENT 'Id of its project; of a project its own',
    `name` String COMMENT 'Its newest name; of a channel without one its kind, of anything else its id',
    `tags` Array(String) COMMENT 'Its newest tags; only checks have some',
    `type` LowCardinality(String) COMMENT 'Schedule of a check (simple, cron, oncalendar), kind of a monitor (http) or of a channel (email)',
    `created_at` DateTime64(6, 'UTC') COMMENT 'When it was made',
    `removed_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'When it was removed; NULL while it is there'
) DEFINER = CURRENT_USER SQL SECURITY DEFINER
COMMENT 'Projects, checks, monitors and channels by name; one row for each{mark}'
AS SELECT kind, id AS thing, argMax(t.project, (NOT removed, off)) AS project,
       coalesce(nullIf(argMax(t.name, (NOT removed, off)), ''), if(kind = 'channel', nullIf(toString(type), ''), NULL), id)
           AS name,
       argMax(t.tags, (NOT removed, off)) AS tags, argMax(t.type, (NOT removed, off)) AS type,
       argMax(t.created, (NOT removed, off)) AS created_at,
       if(countIf(removed) > 0 AND maxIf(off, removed) >= maxIf(off, NOT removed), maxIf(at, removed), NULL) AS removed_at
FROM {history}.things AS t
GROUP BY kind, id
HAVING countIf(NOT removed) > 0
