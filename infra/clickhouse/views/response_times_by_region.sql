-- Rows of kind 4 of 0009_response_times.sql.
CREATE OR REPLACE VIEW {analytics}.response_times_by_region (
    `thing` String COMMENT 'Id of the monitor',
    `region` LowCardinality(String) COMMENT 'Where it was probed from',
    `hour` DateTime('UTC') COMMENT 'Beginning of the hour',
    `results` UInt64 COMMENT 'Results of regular probes outside maintenance',
    `failures` UInt64 COMMENT 'Those of them that failed',
    `redirect_seconds` Float64 COMMENT 'Seconds spent on redirects, sum over the results that were well',
    `lookup_seconds` Float64 COMMENT 'Seconds spent on the name, likewise',
    `connect_seconds` Float64 COMMENT 'Seconds spent on the connection, likewise',
    `tls_seconds` Float64 COMMENT 'Seconds spent on the TLS handshake, likewise',
    `first_byte_seconds` Float64 COMMENT 'Seconds from the request to the first byte of the answer, likewise'
) DEFINER = CURRENT_USER SQL SECURITY DEFINER
COMMENT 'Results of monitors by region and hour, and where their time went, brought up to date about once a minute{mark}'
AS SELECT monitor AS thing, answers.region AS region, toDateTime(at, 'UTC') AS hour, answers.samples AS results,
       answers.failures AS failures, answers.redirect / 1e6 AS redirect_seconds, answers.lookup / 1e6 AS lookup_seconds,
       answers.connect / 1e6 AS connect_seconds, answers.tls / 1e6 AS tls_seconds,
       answers.first_byte / 1e6 AS first_byte_seconds
FROM {history}.uptime_pieces FINAL
WHERE kind = 4
