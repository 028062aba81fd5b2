-- Reports ask for the runs of a span of time: facts of other times need not be read.
ALTER TABLE ping_facts ADD INDEX IF NOT EXISTS times at TYPE minmax GRANULARITY 1;
