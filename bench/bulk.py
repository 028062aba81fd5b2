"""Bulk pings beside single ones, in turns, in the same run: how many per second are acknowledged by Kafka (acks=all).

Everything on this machine, with the folds and the history writer running beside, and no rate limit of checks, which
would refuse a part of the faster one. Each turn is a closed loop over the same checks; before the next the folds have
caught up, so that none is charged for what the other left behind. What is asked is the ratio of the throughputs. Then
the sum of the pings that the states have counted and the rows in ClickHouse: all that were acknowledged, and no more
than were sent.
"""

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.checks import make_checks, ping_events, produce, wait_folded
from bench.ping_load import PingLoad, counted_by, lags_of, with_costs
from bench.report import Report, say
from bench.stack import pingfold
from schemas.topics import PINGS


def bulk(
    checks: Annotated[int, typer.Option(help="How many checks are pinged in turn.")] = 100_000,
    connections: Annotated[int, typer.Option(help="Connections of single pings.")] = 400,
    requests: Annotated[int, typer.Option(help="Bulk requests at a time.")] = 8,
    lines: Annotated[int, typer.Option(help="Pings in a bulk request.")] = 500,
    seconds: Annotated[float, typer.Option(help="Length of each turn.")] = 10.0,
    turns: Annotated[int, typer.Option(help="Turns of each.")] = 3,
) -> None:
    """Bulk pings per second against single ones."""
    parameters = {"checks": checks, "connections": connections, "requests": requests, "lines": lines}
    report = Report("bulk", parameters | {"seconds": seconds, "turns": turns})
    found: dict[str, list[dict[str, Any]]] = {"single": [], "bulk": []}
    with (
        tempfile.TemporaryDirectory(prefix="pingfold-bench-load-") as folder,
        pingfold(PINGFOLD_PINGS_PER_MINUTE="0") as stack,
    ):
        paths = Path(folder, "paths")
        ids = make_checks(stack, checks)
        before = produce(stack.credentials.cluster, PINGS, ping_events(ids, time.time_ns() // 1000))
        wait_folded(stack, "checks", PINGS)
        paths.write_text("\n".join(f"/ping/{id}" for id in ids))
        single = PingLoad(stack.url, paths, before)
        many = PingLoad(stack.url, paths, generator="bench.bulk_load", lines=lines)
        say("warming up")
        single.run(connections, 3.0)
        many.run(requests, 3.0)
        for turn in range(1, turns + 1):
            for name, load, at_once in (("single", single, connections), ("bulk", many, requests)):
                wait_folded(stack, "checks", PINGS)
                say(f"turn {turn}, {name}")
                found[name].append(with_costs(stack, partial(load.run, at_once, seconds)))
        lags = lags_of(stack)
        counted = counted_by(stack, (single, many))
    rates = {name: sum(one["per_second"] for one in runs) / len(runs) for name, runs in found.items()}
    report.measured |= {"turns": found, "per_second": rates, "lags": lags, "counted": counted}
    report.ask("bulk pings/s, of single pings/s", round(rates["bulk"] / max(1.0, rates["single"]), 2), ">=", 3)
    report.ask("acknowledged and not counted", counted["acknowledged_and_not_counted"], "<=", 0)
    report.ask("counted and not sent", counted["counted_and_not_sent"], "<=", 0)
    report.publish()
