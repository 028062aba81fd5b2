CREATE OR REPLACE VIEW {analytics}.probe_results (
    `thing` String COMMENT 'Id of the monitor',
    `region` LowCardinality(String) COMMENT 'Where it was probed from',
    `due_at` DateTime64(6, 'UTC') COMMENT 'When the probe was due',
    `ended_at` DateTime64(6, 'UTC') COMMENT 'When it had its result',
    `confirmation` UInt16 COMMENT '0: a regular probe; else it confirmed a change',
    `ok` UInt8 COMMENT '1: the target was well',
    `failure` LowCardinality(String) COMMENT 'What failed, in one word; empty when it was well',
    `detail` String COMMENT 'What failed, in words',
    `http_status` Nullable(Int16) COMMENT 'Status of the answer, where there was one',
    `seconds` Float64 COMMENT 'How long it took',
    `lookup_seconds` Nullable(Float64) COMMENT 'Of that the lookup of the name',
    `connect_seconds` Nullable(Float64) COMMENT 'Of that the connection',
    `tls_seconds` Nullable(Float64) COMMENT 'Of that the TLS handshake',
    `first_byte_seconds` Nullable(Float64) COMMENT 'Of that from the request to the first byte of the answer',
    `address` String COMMENT 'The IP address that was connected to',
    `maintenance` UInt8 COMMENT '1: made in maintenance, counts in no uptime'
) DEFINER = CURRENT_USER SQL SECURITY DEFINER
COMMENT 'Every result of a probe, as long as it is kept{mark}'
AS SELECT monitor AS thing, region, slot AS due_at, at AS ended_at, confirm AS confirmation, ok, failure, detail,
       nullIf(status, -1) AS http_status, took / 1e6 AS seconds, nullIf(lookup, -1) / 1e6 AS lookup_seconds,
       nullIf(connect, -1) / 1e6 AS connect_seconds, nullIf(tls, -1) / 1e6 AS tls_seconds,
       nullIf(first_byte, -1) / 1e6 AS first_byte_seconds, address, maintenance
FROM {history}.probe_results FINAL
