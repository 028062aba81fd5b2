"""How facts of pings become run times by hour, in SQL: for the roll-ups, and for what is not rolled up yet.

infra/clickhouse/tables/0022_uptime_days.sql says what the figures mean.
"""


def run_hours(rows: str) -> str:
    """Hours of checks from those rows of `ping_facts` of which a condition holds. FINAL drops copies."""
    return f"""
    SELECT check_id, toDateTime(hour, 'UTC') AS begin, sum(many) AS runs, sum(spent) AS took, max(most) AS longest,
           groupArray(bucket) AS buckets, groupArray(many) AS times
    FROM (
        SELECT check_id, toStartOfHour(at) AS hour, toUInt16(ceil(log(greatest(duration, 1)) / log(1.04))) AS bucket,
               count() AS many, sum(duration) AS spent, max(duration) AS most
        FROM ping_facts FINAL
        WHERE counted AND duration >= 0 AND {rows}
        GROUP BY check_id, hour, bucket
    )
    GROUP BY check_id, hour
    """
