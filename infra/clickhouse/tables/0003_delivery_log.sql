-- The delivery log: what was sent, so that it can be sent again. `event` is the `webhook-id`, `body` the body ('' when none
-- was made, and in rows of before), `began` when the first attempt was due (the beginning of time in rows of before),
-- `replay` the id of the sending, '' for the first.
ALTER TABLE deliveries_finished
    ADD COLUMN IF NOT EXISTS event String CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS body String CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS began DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS replay String CODEC(ZSTD(1));
