"""How long the metrics of a check over a month take, beside the uptime of 90 days of the same monitor.

The rows, the roll-ups and the questions are those of `bench.uptime`; the two are asked in turn, so that whatever else
the machine does meets both. A few answers are compared with a count of the rows.
"""

import time
from typing import Annotated

import typer
from clickhouse_connect.driver.client import Client

from bench.report import Report, percentile, say, spread
from bench.stack import Stack
from bench.uptime import filled, uptime_page

_COUNTED = """
SELECT count() FROM (
    SELECT DISTINCT slot FROM probe_results
    WHERE monitor = {id:String} AND slot >= toStartOfHour(now('UTC') - toIntervalDay(30))
)
"""


def updown_metrics(
    rows: Annotated[int, typer.Option(help="Results in the table.")] = 100_000_000,
    monitors: Annotated[int, typer.Option(help="Monitors that they are of.")] = 4_000,
    asked: Annotated[int, typer.Option(help="Monitors that are asked about.")] = 200,
    questions: Annotated[int, typer.Option(help="How many questions of each kind.")] = 1_000,
) -> None:
    """Milliseconds for the metrics of a month, from a hundred million results, beside the uptime of 90 days."""
    report = Report("updown-metrics", {"rows": rows, "monitors": monitors, "asked": asked, "questions": questions})
    with filled(report, rows, monitors, asked) as (stack, client, _, chosen):
        stack.http.headers["X-API-KEY"] = stack.credentials.updown_key
        tokens = {check["alias"]: check["token"] for check in stack.http.get("/api/checks").json()}
        uptimes, metrics = _ask(stack, [(id, tokens[id]) for id in chosen], questions)
        by_hour = [_took(stack, _page(tokens[id], "?group=time")) for id in chosen[:50]]
        wrong = sum(_is_wrong(stack, client, id, tokens[id]) for id in chosen[:5])
    report.measured |= {"uptime_ms": spread(uptimes), "metrics_ms": spread(metrics), "by_hour_ms": spread(by_hour)}
    of_uptime = percentile(sorted(uptimes), 0.5)
    report.ratios["metrics to uptime"] = round(percentile(sorted(metrics), 0.5) / of_uptime, 2)
    report.ask("median of metrics to that of the uptime", report.ratios["metrics to uptime"], "<=", 1)
    report.ask("answers that differ from a count of the rows", wrong, "<=", 0)
    report.publish()


def _page(token: str, query: str = "") -> str:
    return f"/api/checks/{token}/metrics{query}"


def _took(stack: Stack, page: str) -> float:
    began = time.perf_counter()
    stack.http.get(page).raise_for_status()
    return (time.perf_counter() - began) * 1e3


def _ask(stack: Stack, names: list[tuple[str, str]], questions: int) -> tuple[list[float], list[float]]:
    """Milliseconds of uptimes and of metrics, asked in turn."""
    uptimes, metrics = [], []
    for number in range(questions):
        id, token = names[number % len(names)]
        uptimes.append(_took(stack, uptime_page(id)))
        metrics.append(_took(stack, _page(token)))
        if number % 200 == 199:
            say(f"{number + 1} questions: uptimes {spread(uptimes)}, metrics {spread(metrics)}")
    return uptimes, metrics


def _is_wrong(stack: Stack, client: Client, id: str, token: str) -> bool:
    """Whether an answer differs from a count of the rows just before it and just after it."""
    counts = [client.query(_COUNTED, parameters={"id": id}).result_rows[0][0]]
    told = stack.http.get(_page(token, "?from=30+days+ago")).json()["requests"]["samples"]
    counts.append(client.query(_COUNTED, parameters={"id": id}).result_rows[0][0])
    return not min(counts) <= told <= max(counts)
