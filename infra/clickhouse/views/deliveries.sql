CREATE OR REPLACE VIEW {analytics}.deliveries (
    `channel` String COMMENT 'Id of the channel',
    `delivery` String COMMENT 'Id of the delivery',
    `event` String COMMENT 'Id of what it tells, which is the webhook-id; of a change it is one of events of status_changes',
    `notice` LowCardinality(String) COMMENT 'What it tells, such as monitor.down',
    `outcome` LowCardinality(String) COMMENT 'delivered, exhausted, gone, removed, unconfirmed, gathered or muted',
    `attempts` UInt32 COMMENT 'How often it was sent',
    `due_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'When the first attempt was due; NULL when that is not known',
    `finished_at` DateTime64(6, 'UTC') COMMENT 'When it ended',
    `seconds` Nullable(Float64) COMMENT 'From the first attempt to the end',
    `resent` UInt8 COMMENT '1: somebody asked to send it again',
    `detail` String COMMENT 'Why it failed'
) DEFINER = CURRENT_USER SQL SECURITY DEFINER
COMMENT 'Notifications that are finished, one for each channel and sending{mark}'
AS SELECT channel, delivery, event, notice, outcome, attempts,
       if(began = fromUnixTimestamp64Micro(0, 'UTC'), NULL, began) AS due_at, at AS finished_at,
       (toUnixTimestamp64Micro(at) - toUnixTimestamp64Micro(due_at)) / 1e6 AS seconds, replay != '' AS resent, detail
FROM {history}.deliveries_finished FINAL
