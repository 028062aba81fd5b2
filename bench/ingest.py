"""Pings over HTTP, acknowledged by Kafka (acks=all), with the folds and the history writer running beside.

200,000 checks, the rate limit on (5 a minute for each, so the checks are walked in turn), everything on this machine:
broker, server, folds, writer and the load. Every check is up before it begins (pinged once, straight through Kafka), as
most are. After a warm-up: an open loop at an even 3,000/s for the latency, a closed loop for the throughput. Only
answers `200 OK` count. Then:

- the lag of each fold and of the writer 10 s after the end: the age of the oldest ping that it has not dealt with;
- the sum of the pings that the states have counted: all that were acknowledged, and no more than were sent;
- the rows in ClickHouse, each counted once, which must be as many;
- the same closed loop against an application that does nothing, on the same server, Pingfold being stopped.
"""

import socket
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.checks import make_checks, ping_events, produce, wait_folded
from bench.ping_load import PingLoad, counted_by, lags_of, with_costs
from bench.processes import module, running, spawn, wait_until
from bench.report import Report, say
from bench.stack import clean_environment, pingfold
from infra.embedded.ports import HOST, free_port
from schemas.topics import PINGS


def ingest(
    checks: Annotated[int, typer.Option(help="How many checks are pinged in turn.")] = 200_000,
    connections: Annotated[int, typer.Option(help="Connections of the closed loop.")] = 400,
    seconds: Annotated[float, typer.Option(help="Length of the closed loop.")] = 60.0,
    rate: Annotated[float, typer.Option(help="Pings per second of the open loop.")] = 3_000.0,
    open_seconds: Annotated[float, typer.Option(help="Length of the open loop.")] = 30.0,
    warm_up: Annotated[float, typer.Option(help="Seconds of load before anything counts.")] = 5.0,
    url: Annotated[str | None, typer.Option(help="Measure the Pingfold that runs there.")] = None,
) -> None:
    """Pings per second, latency at 3,000/s, and whether folds and history keep up."""
    report = Report(
        "ingest",
        {"checks": checks, "connections": connections, "seconds": seconds, "rate": rate, "open_seconds": open_seconds},
    )
    with tempfile.TemporaryDirectory(prefix="pingfold-bench-load-") as folder:
        paths = Path(folder, "paths")
        with pingfold(url) as stack:
            ids = make_checks(stack, checks)
            before = produce(stack.credentials.cluster, PINGS, ping_events(ids, time.time_ns() // 1000))
            wait_folded(stack, "checks", PINGS)
            paths.write_text("\n".join(f"/ping/{id}" for id in ids))
            load = PingLoad(stack.url, paths, before)
            say("warming up")
            load.run(connections, warm_up)
            say(f"open loop at {rate:.0f}/s")
            latency = with_costs(stack, lambda: load.run(connections, open_seconds, rate))
            say(f"closed loop with {connections} connections")
            throughput = with_costs(stack, lambda: load.run(connections, seconds))
            lags = lags_of(stack)
            counted = counted_by(stack, (load,))
        say("the same load on an application that does nothing")
        limit = _noop(paths, connections, min(seconds, 20.0))
    report.measured |= {
        "closed_loop": throughput,
        "open_loop": latency,
        "lags": lags,
        "counted": counted,
        "noop": limit,
    }
    report.ratios["of a no-op on the same server"] = round(throughput["per_second"] / max(1.0, limit["per_second"]), 3)
    report.ask("pings/s", throughput["per_second"], ">=", 10_000)
    report.ask(f"p99 ms at {rate:.0f}/s", latency["latency_ms"]["p99"], "<=", 20)
    report.ask("lag s, 10 s after the end", max(lag["lag_after_10_s"] or 0.0 for lag in lags.values()), "<=", 2)
    report.ask("acknowledged and not counted", counted["acknowledged_and_not_counted"], "<=", 0)
    report.ask("counted and not sent", counted["counted_and_not_sent"], "<=", 0)
    report.publish()


def _noop(paths: Path, connections: int, seconds: float) -> dict[str, Any]:
    port = free_port()
    environment = clean_environment({"PINGFOLD_PORT": str(port)})
    with running(spawn(*module("bench.noop"), environment=environment)):
        wait_until(lambda: _listens(port), 20.0, "the no-op server listens")
        load = PingLoad(f"http://{HOST}:{port}", paths)
        load.run(connections, 2.0)
        return load.run(connections, seconds)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
