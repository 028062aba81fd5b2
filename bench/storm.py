"""10,000 things break within a second, over 100 channels of mixed kinds, a tenth of them dead; and then they return.

Each check has one of the channels, in turn, so that each channel has to be told of a hundred. Receivers are imitated on
loopback, in a process of their own; of the dead ones some refuse connections, some never answer, some answer 503. All
checks are up; then `fail` pings for all go to Kafka within a second, and two minutes later a success for each. It
is measured how long after the first `fail` the last healthy channel has its first notice, how many notices the channels
with digest get in the whole storm (those of programs, which have none, get each), and the memory of the worker: before,
at the most, and after each of two storms.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from bench.checks import create_requests, ping_events, produce, wait_folded
from bench.processes import wait_until
from bench.report import Report, say, spread
from bench.stack import Stack, pingfold
from bench.storm_receivers import CONFIGS, StormReceivers, config_of, storm_receivers
from infra.embedded.ports import free_port
from schemas.base import SECOND, Micros, encode
from schemas.pings import Ping
from schemas.topics import DELIVERIES, PINGS, PROJECTS

# Programs count on each notice.
_EACH = frozenset({"webhook", "pagerduty", "opsgenie"})
_DEAD = ("refuses", "hangs", "fails")
_LIMIT_SECONDS, _LIMIT_NOTICES, _LIMIT_MIB = 2.0, 3, 64.0
_PATIENCE_SECONDS = 120.0
# The minute of a storm and the one that follows it: after that each channel is told at once again.
_STORM_SECONDS = 135.0


def storm(
    checks: Annotated[int, typer.Option(help="Checks that break.", min=1)] = 10_000,
    channels: Annotated[int, typer.Option(help="Channels, in turn of every kind; every tenth is dead.", min=1)] = 100,
) -> None:
    """Seconds to the first notice of each healthy channel, and notices of each, when everything breaks at once."""
    report = Report("storm", {"checks": checks, "channels": channels, "within_seconds": 1})
    kinds = tuple(CONFIGS)
    wanted = [
        {"kind": kinds[number % len(kinds)], "dead": _DEAD[number // 10 % 3] if number % 10 == 9 else ""}
        for number in range(channels)
    ]
    with storm_receivers(wanted) as receives, pingfold() as stack:
        ids = _made(stack, receives, wanted, checks)
        memory = {"before": _worker_mib(stack)}
        for name, kind in (("down", "fail"), ("recovered", "success"), ("down again", "fail")):
            before = [len(one.at) for one in receives.told()]
            began = time.time()
            produce(stack.credentials.cluster, PINGS, _pings(ids, kind))
            first, most = _watched(stack, receives, wanted, before, began)
            memory[f"most in {name}"], memory[f"after {name}"] = most, _worker_mib(stack)
            counts = _counts(receives, wanted, before)
            report.measured[name] = {
                "first_notice_s": spread(first, 3),
                "notices_with_digest": spread(counts[True], 0),
                "notices_without": spread(counts[False], 0),
            }
            say(f"{name}: {report.measured[name]}")
            report.ask(f"{name}: last healthy channel, first notice s", round(max(first), 3), "<=", _LIMIT_SECONDS)
            report.ask(f"{name}: most notices with digest", max(counts[True]), "<=", _LIMIT_NOTICES)
    report.measured["worker_mib"] = memory
    grown = round(memory["after down again"] - memory["after down"], 1)
    report.ask("worker MiB more after the last storm than after the first", grown, "<=", _LIMIT_MIB)
    report.ratios["worker after the last storm to after the first"] = round(
        memory["after down again"] / memory["after down"], 2
    )
    report.publish()


def _made(stack: Stack, receives: StormReceivers, wanted: list[dict[str, str]], checks: int) -> list[str]:
    """The channels and the checks, which are all up; the ids of these."""
    known = stack.credentials
    names = []
    for one, told in zip(wanted, receives.told(), strict=True):
        port = free_port() if one["dead"] == "refuses" else told.port
        events = ["monitor.down", "monitor.recovered"]
        body = {"kind": one["kind"], "events": events, **config_of(one["kind"], port)}
        names.append(str(stack.api("POST", "/channels/", body)["id"]))
    ids: list[str] = []
    for number, name in enumerate(names):
        share = checks // len(names) + (number < checks % len(names))
        if not share:
            continue
        made, requests = create_requests(share, 86_400, 86_400, name)
        produce(known.cluster, PROJECTS, ((known.project, request, -1) for request in requests))
        ids += made
    wait_folded(stack, "projects", PROJECTS)
    wait_folded(stack, "checks", PINGS)
    # In turn, as things on many machines break.
    ids = [id for start in range(checks // len(names)) for id in ids[start :: checks // len(names)]][:checks]
    produce(known.cluster, PINGS, ping_events(ids, time.time_ns() // 1000))
    wait_folded(stack, "checks", PINGS)
    wait_folded(stack, "deliveries", DELIVERIES)
    say(f"{len(ids)} checks are up, with {len(names)} channels")
    return ids


def _pings(ids: list[str], kind: str) -> Iterator[tuple[str, bytes, int]]:
    now: Micros = time.time_ns() // 1000
    for number, id in enumerate(ids):
        at = now + SECOND * number // len(ids)
        yield id, encode(Ping(kind=kind, at=at, scheme="http", method="GET")), -1  # type: ignore[arg-type]


def _watched(
    stack: Stack, receives: StormReceivers, wanted: list[dict[str, str]], before: list[int], began: float
) -> tuple[list[float], float]:
    """Seconds until each healthy channel had its first notice, after the storm is over; the most memory meanwhile."""
    most = 0.0

    def healthy() -> list[list[float]]:
        nonlocal most
        most = max(most, _worker_mib(stack))
        told = receives.told()
        return [one.at[had:] for one, had, of in zip(told, before, wanted, strict=True) if not of["dead"]]

    wait_until(lambda: all(healthy()), _PATIENCE_SECONDS, "every healthy channel has a notice", 0.5)
    while time.time() < began + _STORM_SECONDS:
        healthy()
        time.sleep(0.5)
    wait_folded(stack, "deliveries", DELIVERIES)
    return [at[0] - began for at in healthy()], most


def _counts(receives: StormReceivers, wanted: list[dict[str, str]], before: list[int]) -> dict[bool, list[int]]:
    """Notices of the healthy channels, by whether they have digest."""
    counts: dict[bool, list[int]] = {True: [], False: []}
    for one, had, of in zip(receives.told(), before, wanted, strict=True):
        if not of["dead"]:
            counts[of["kind"] not in _EACH].append(len(one.at) - had)
    return counts


def _worker_mib(stack: Stack) -> float:
    """Resident memory of all workers."""
    kib = 0
    for role, pid in stack.pids().items():
        if role.startswith("worker"):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            kib += next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)
    return round(kib / 1024, 1)
