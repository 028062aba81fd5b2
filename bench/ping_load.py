"""Pings as a load: runs of a generator, what they cost, how far folds and history are behind, and what was counted."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.checks import Folds, Writer, age_of_next, count_states, ends_of
from bench.processes import Usage, answer_of, module
from bench.report import say
from bench.stack import Stack
from infra.clickhouse.address import Address
from infra.clickhouse.client import connect
from schemas.topics import PINGS

LAG_AFTER_SECONDS = 10.0
_SETTLE_SECONDS = 120.0


class PingLoad:
    """Runs a generator of pings, going on where the last run ended in the row of checks; adds up what was answered.

    task: further fields of the generator's.
    """

    def __init__(
        self, url: str, paths: Path, acknowledged: int = 0, generator: str = "bench.load", **task: Any
    ) -> None:
        host, _, port = url.rpartition("//")[2].rpartition(":")
        self._task = {"host": host.strip("[]"), "port": int(port), "paths": str(paths)} | task
        self._generator, self._first = generator, 0
        self.acknowledged, self.unsure = acknowledged, 0

    def run(self, connections: int, seconds: float, rate: float = 0.0) -> dict[str, Any]:
        """Send for so many seconds; what came of it."""
        task = self._task | {"connections": connections, "seconds": seconds, "rate": rate, "first": self._first}
        outcome = answer_of(seconds + 90.0, task, *module(self._generator))
        self._first += outcome["sent"]
        self.acknowledged += outcome["answers"].get("200 OK", 0)
        refused = sum(count for answer, count in outcome["answers"].items() if answer.startswith("503"))
        self.unsure += outcome["lost"] + outcome["unanswered"] + refused
        say(f"{outcome['per_second']:.0f}/s {outcome['latency_ms']} {outcome['answers']}")
        return outcome


def with_costs(stack: Stack, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
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


def lags_of(stack: Stack) -> dict[str, dict[str, float | None]]:
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
            if name not in after and passed >= LAG_AFTER_SECONDS:
                after[name] = age_of_next(bootstrap, PINGS, done, ends)
        time.sleep(0.25)
    return {
        name: {
            "lag_at_end": at_end[name],
            "caught_up_after": caught_up.get(name),
            "lag_after_10_s": 0.0
            if caught_up.get(name, 1e9) <= LAG_AFTER_SECONDS
            else after.get(name, _SETTLE_SECONDS),
        }
        for name in readers
    }


def counted_by(stack: Stack, loads: Sequence[PingLoad]) -> dict[str, int]:
    """What the states and the history have counted, against what was answered."""
    known = stack.credentials
    acknowledged, unsure = sum(load.acknowledged for load in loads), sum(load.unsure for load in loads)
    found = count_states(known.cluster)
    say(f"states: {found}; acknowledged: {acknowledged}, without an answer: {unsure}")
    rows = connect(Address.parse(known.clickhouse)).query("SELECT uniqExact(part, off) FROM pings").result_rows[0][0]
    return {
        "acknowledged": acknowledged,
        "perhaps_stored": unsure,
        "in_states": found.pings,
        "in_history": int(rows),
        "checks": found.checks,
        "acknowledged_and_not_counted": max(0, acknowledged - min(found.pings, int(rows))),
        "counted_and_not_sent": max(0, max(found.pings, int(rows)) - acknowledged - unsure),
    }
