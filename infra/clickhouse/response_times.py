"""How results of probes become figures of response times, in SQL: for the roll-ups, and for what is not rolled up yet.

infra/clickhouse/tables/0009_response_times.sql says what the figures mean, `schemas.response_times` the edges.
"""

from schemas.response_times import BUCKETS, EDGES

# Columns beside those that a row is grouped by, of rows of `probe_results`. `well`: what response times are of.
_PHASES = ("redirect", "lookup", "connect", "tls", "first_byte")
JUDGED = f"""
    NOT maintenance AS judged, ok AND judged AS well, redirect, lookup, connect, tls, first_byte,
    multiIf(first_byte >= 0, first_byte, connect >= 0, connect, took) AS answered,
    {" + ".join(f"(answered > {edge})" for edge in EDGES)} AS bucket
"""

# Of judged rows, in the order of the columns of `answers` behind the region.
FIGURES = f"""
    countIf(judged), countIf(judged AND NOT well),
    [{", ".join(f"countIf(well AND bucket = {number})" for number in range(BUCKETS))}],
    {", ".join(f"sumIf(greatest({phase}, 0), well)" for phase in _PHASES)}
"""
