"""Microseconds that one event costs a pure fold, decoding included: no Kafka, no transaction, one process.

Things are defined and up; then `events` more of one kind go through a new `Session` in batches, over all things in
turn. The figure is processor time, the best of several passes, so that other work on the machine counts
little.
"""

import gc
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Annotated

import typer
from msgspec import Struct

from bench.report import Report, say
from processors.checks.fold import Checks
from processors.fold.contract import Fold, Record, Session
from processors.fold.view import View
from processors.monitors.fold import Monitors
from schemas.base import SECOND, encode
from schemas.definitions import Check
from schemas.monitors import Monitor
from schemas.pings import CheckDefined, Ping
from schemas.probes import MonitorDefined, ProbeCompleted
from schemas.schedules import Simple
from schemas.slots import first_slot, step
from schemas.ticks import Tick

_AT = 1_795_000_000 * SECOND
_BATCH = 1_000

Events = Iterator[tuple[str, Struct]]


def fold_events(
    events: Annotated[int, typer.Option(help="Events of each kind.")] = 200_000,
    things: Annotated[int, typer.Option(help="Checks or monitors that they are of.")] = 1_000,
    passes: Annotated[int, typer.Option(help="The best of so many counts.")] = 5,
) -> None:
    """Microseconds of an event in the pure folds."""
    report = Report("fold-events", {"events": events, "things": things, "passes": passes})
    ids = [str(uuid.uuid5(uuid.NAMESPACE_OID, f"thing {number}")) for number in range(things)]
    kinds: dict[str, tuple[Fold, Callable[[list[str], int], Events], Callable[[list[str], int], Events]]] = {
        "success ping": (Checks(), _checks, _pings),
        "success ping, stamped": (Checks(), _checks, _stamped),
        "good probe": (Monitors(), _monitors, _probes),
    }
    for kind, (fold, define, happen) in kinds.items():
        made = [_cost(fold, list(define(ids, events)), list(happen(ids, events))) for _ in range(passes)]
        report.measured[kind] = {"micros": round(min(made), 2), "passes": [round(one, 2) for one in made]}
        say(f"{kind}: {min(made):.2f} µs")
    report.ask("µs of a success ping", report.measured["success ping"]["micros"], "<=", 4.9)
    report.publish()


def _cost(fold: Fold, defined: list[tuple[str, Struct]], events: list[tuple[str, Struct]]) -> float:
    records = [
        Record(offset, max(_AT + offset, _time_of(event)), key.encode(), encode(event))
        for offset, (key, event) in enumerate([*defined, *events])
    ]
    first = len(defined)
    session = Session(fold, 0, View(), "2026a")
    session.run(records[:first])
    batches = [records[begin : begin + _BATCH] for begin in range(first, len(records), _BATCH)]
    gc.collect()
    gc.disable()
    began = time.process_time()
    for batch in batches:
        session.run(batch)
    spent = time.process_time() - began
    gc.enable()
    return spent * 1e6 / len(events)


def _time_of(event: Struct) -> int:
    return event.now if isinstance(event, Tick) else getattr(event, "at", None) or 0


def _tick() -> Tick:
    return Tick(slot="web-0", epoch=1, at=_AT, now=_AT)


def _checks(ids: list[str], _events: int) -> Events:
    yield "", _tick()
    for id in ids:
        check = Check(
            id=id,
            project=ids[0],
            version=1,
            created=_AT,
            name="Nightly backup",
            slug="nightly-backup",
            tags="production backup",
            schedule=Simple(period=3_600),
            grace=900,
            channels=(ids[-1],),
        )
        yield id, CheckDefined(at=_AT, check=check)
        yield id, Ping(kind="success", at=_AT)


def _pings(ids: list[str], events: int) -> Events:
    for number in range(events):
        yield ids[number % len(ids)], Ping(kind="success", at=_AT + number, scheme="http", method="GET")


def _stamped(ids: list[str], events: int) -> Events:
    """As a web process stamps them."""
    for number in range(events):
        ping = Ping(
            kind="success",
            at=_AT + number + 1,
            scheme="https",
            method="GET",
            remote_addr="192.0.2.17",
            ua="curl/8.5.0",
            by=_AT,
        )
        yield ids[number % len(ids)], ping


def _monitor(id: str) -> Monitor:
    return Monitor(id=id, project="p", version=1, created=_AT, revised=_AT, name="Shop", interval=60)


def _monitors(ids: list[str], _events: int) -> Events:
    yield "", _tick()
    for id in ids:
        yield id, MonitorDefined(at=_AT, monitor=_monitor(id))


def _probes(ids: list[str], events: int) -> Events:
    """One result of each slot in turn; the ticks among them keep up with the time."""
    slots = {id: _AT for id in ids}
    monitors = {id: _monitor(id) for id in ids}
    for number in range(events):
        id = ids[number % len(ids)]
        if number % len(ids) == 0:
            now = _AT + (number // len(ids) - 1) * step(monitors[id])
            yield "", Tick(slot="ticker", epoch=1, at=now, now=now)
        slot = slots[id]
        yield id, ProbeCompleted(slot=slot, region="local", at=slot, took=120_000, ok=True, version=1, status=200)
        slots[id] = first_slot(monitors[id], slot)
