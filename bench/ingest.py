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
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.checks import (
    Folds,
    Writer,
    age_of_next,
    count_states,
    ends_of,
    make_checks,
    ping_events,
    produce,
    wait_folded,
)
from bench.processes import Usage, answer_of, module, running, spawn, wait_until
from bench.report import Report, say
from bench.stack import Stack, clean_environment, pingfold
from infra.clickhouse.address import Address
from infra.clickhouse.client import connect
from infra.embedded.ports import HOST, free_port
from schemas.topics import PINGS

_LAG_AFTER_SECONDS = 10.0
_SETTLE_SECONDS = 120.0


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
            load = _Load(stack.url, paths, before)
            say("warming up")
            load.run(connections, warm_up)
            say(f"open loop at {rate:.0f}/s")
            latency = _with_costs(stack, lambda: load.run(connections, open_seconds, rate))
            say(f"closed loop with {connections} connections")
            throughput = _with_costs(stack, lambda: load.run(connections, seconds))
            lags = _lags(stack)
            counted = _counted(stack, load, checks)
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


class _Load:
    """Runs the generator, going on where the last run ended in the row of checks; adds up what was answered."""

    def __init__(self, url: str, paths: Path, acknowledged: int = 0) -> None:
        host, _, port = url.rpartition("//")[2].rpartition(":")
        self._task = {"host": host.strip("[]"), "port": int(port), "paths": str(paths)}
        self._first = 0
        self.acknowledged, self.unsure = acknowledged, 0

    def run(self, connections: int, seconds: float, rate: float = 0.0) -> dict[str, Any]:
        task = self._task | {"connections": connections, "seconds": seconds, "rate": rate, "first": self._first}
        outcome = answer_of(seconds + 90.0, task, *module("bench.load"))
        self._first += outcome["sent"]
        self.acknowledged += outcome["answers"].get("200 OK", 0)
        refused = sum(count for answer, count in outcome["answers"].items() if answer.startswith("503"))
        self.unsure += outcome["lost"] + outcome["unanswered"] + refused
        say(f"{outcome['per_second']:.0f}/s {outcome['latency_ms']} {outcome['answers']}")
        return outcome


def _with_costs(stack: Stack, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The outcome of a load with what each of its pings cost every process, and the transactions of the fold."""
    usage, before = Usage(stack.pids()), stack.metrics()
    outcome = run()
    after = stack.metrics()
    pings = max(1, outcome["answers"].get("200 OK", 0))
    events, commits, waited = (
        after.get((name, "checks"), 0.0) - before.get((name, "checks"), 0.0)
        for name in (
            "pingfold_fold_events_total",
            "pingfold_fold_commit_seconds_count",
            "pingfold_fold_commit_seconds_sum",
        )
    )
    costs = usage.micros_per(pings) | {"load generator": round(outcome["cpu"] * 1e6 / pings, 1)}
    return outcome | {
        "cpu_micros_per_ping": costs,
        "cpu_micros_per_ping_sum": round(sum(costs.values()), 1),
        "fold_transactions_per_second": round(commits / outcome["seconds"], 1),
        "fold_events_per_transaction": round(events / max(1.0, commits), 1),
        "fold_commit_ms_mean": round(waited * 1e3 / max(1.0, commits), 1),
    }


def _lags(stack: Stack) -> dict[str, dict[str, float | None]]:
    """When each reader of `pings` had dealt with all of it, and how far it was behind 10 s after the end."""
    bootstrap = stack.credentials.cluster
    ended = time.monotonic()
    ends = ends_of(bootstrap, PINGS)
    folds, writer = Folds(stack), Writer(bootstrap, ends)
    readers = {"fold checks": lambda: folds.applied("checks"), "writer": writer.applied}
    at_end = {name: age_of_next(bootstrap, PINGS, applied(), ends) for name, applied in readers.items()}
    caught_up: dict[str, float] = {}
    after: dict[str, float] = {}
    while len(caught_up) < len(readers) and time.monotonic() - ended < _SETTLE_SECONDS:
        for name, applied in readers.items():
            done = applied()
            passed = time.monotonic() - ended
            if name not in caught_up and all(done.get(number, -1) >= end - 1 for number, end in ends.items()):
                caught_up[name] = round(passed, 2)
            if name not in after and passed >= _LAG_AFTER_SECONDS:
                after[name] = age_of_next(bootstrap, PINGS, done, ends)
        time.sleep(0.25)
    return {
        name: {
            "lag_at_end": at_end[name],
            "caught_up_after": caught_up.get(name),
            "lag_after_10_s": 0.0
            if caught_up.get(name, 1e9) <= _LAG_AFTER_SECONDS
            else after.get(name, _SETTLE_SECONDS),
        }
        for name in readers
    }


def _counted(stack: Stack, load: _Load, checks: int) -> dict[str, int]:
    """What the states and the history have counted, against what was answered."""
    known = stack.credentials
    found = count_states(known.cluster)
    say(f"states: {found}; acknowledged: {load.acknowledged}, without an answer: {load.unsure}")
    rows = connect(Address.parse(known.clickhouse)).query("SELECT uniqExact(part, off) FROM pings").result_rows[0][0]
    return {
        "acknowledged": load.acknowledged,
        "perhaps_stored": load.unsure,
        "in_states": found.pings,
        "in_history": int(rows),
        "checks": found.checks,
        "acknowledged_and_not_counted": max(0, load.acknowledged - min(found.pings, int(rows))),
        "counted_and_not_sent": max(0, max(found.pings, int(rows)) - load.acknowledged - load.unsure),
    }


def _noop(paths: Path, connections: int, seconds: float) -> dict[str, Any]:
    port = free_port()
    environment = clean_environment({"PINGFOLD_PORT": str(port)})
    with running(spawn(*module("bench.noop"), environment=environment)):
        wait_until(lambda: _listens(port), 20.0, "the no-op server listens")
        load = _Load(f"http://{HOST}:{port}", paths)
        load.run(connections, 2.0)
        return load.run(connections, seconds)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
