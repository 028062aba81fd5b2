CREATE OR REPLACE VIEW {analytics}.validity_notices (
    `project` String COMMENT 'Id of the project',
    `thing` String COMMENT 'Id of the monitor',
    `at` DateTime64(6, 'UTC') COMMENT 'When it came about',
    `notice` LowCardinality(String) COMMENT 'What was told, such as monitor.ssl_expiration',
    `silent` UInt8 COMMENT '1: nobody was sent it',
    `detail` String COMMENT 'What was told, in words'
) DEFINER = CURRENT_USER SQL SECURITY DEFINER
COMMENT 'What people were told of the certificates and domains of monitors{mark}'
AS SELECT project, thing, v.at AS at, notice, silent, detail
FROM {history}.validity_told AS v FINAL
