-- No bodies and no addresses: jobs write secrets into the one, and people stand behind the other. The side
-- that is held in memory is that of the pings, of which a question names a time or a thing; facts pass by.
CREATE OR REPLACE VIEW {analytics}.pings (
    `thing` String COMMENT 'Id of the check',
    `received_at` DateTime64(6, 'UTC') COMMENT 'When it came',
    `kind` LowCardinality(String) COMMENT 'What it counted as: success, start, fail, log or ign (ignored)',
    `counted` UInt8 COMMENT '0: no check took it, or it was refused',
    `run` String COMMENT 'Id of the run that the job gave, else empty',
    `exit_status` Nullable(Int16) COMMENT 'Exit status that the job gave',
    `seconds` Nullable(Float64) COMMENT 'Duration of the run that it ended',
    `scheme` LowCardinality(String) COMMENT 'http, https, email and so on',
    `method` LowCardinality(String) COMMENT 'Method of the request',
    `user_agent` String COMMENT 'What sent it, as it said',
    `body_bytes` UInt32 COMMENT 'Size of its body'
) DEFINER = CURRENT_USER SQL SECURITY DEFINER
COMMENT 'Every ping, as long as it is kept{mark}'
AS SELECT p.check_id AS thing, p.at AS received_at, if(f.kind = '', p.kind, f.kind) AS kind,
       if(f.known, f.counted, 1) AS counted, p.rid AS run, nullIf(p.exitstatus, -1) AS exit_status,
       if(f.known AND f.duration >= 0, f.duration / 1e6, NULL) AS seconds, p.scheme AS scheme, p.method AS method,
       p.ua AS user_agent, p.body_size AS body_bytes
FROM (
    SELECT check_id, off, part, kind, duration, counted, 1 AS known FROM {history}.ping_facts
) AS f
RIGHT ANY JOIN (SELECT * EXCEPT (body, remote_addr) FROM {history}.pings FINAL) AS p
ON p.check_id = f.check_id AND p.off = f.off AND p.part = f.part
