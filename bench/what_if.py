"""Events per second of `pingfold what-if`: a partition's journal read from Kafka, decoded as far as needed, and folded
twice, as it was and with another setting.

A Kafka alone; all events are in one partition. Pings of `checks` checks in turn, a tick a second of their time. Once a
few checks are chosen, as most questions do; once all of them; and once a sweep of twelve values over the few. The
figure is events by the processor time of this process, whose client of Kafka has threads of its own in it; beside it
stands the time by the clock.
"""

import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.brokers import broker
from bench.checks import produce
from bench.report import Report, say
from infra.log.partitioner import partition_of
from pingfold.folds import FOLDS
from pingfold.what_if.run import answer
from processors.refold.log import KafkaLog
from schemas.base import SECOND, Micros, encode
from schemas.definitions import Check
from schemas.pings import CheckDefined, Ping
from schemas.schedules import SCHEDULES_VERSION, TZDATA_VERSION, Simple
from schemas.ticks import PROGRESS_KEY, Epoch, Progress, Tick
from schemas.topics import CHECK_STATES, PINGS
from schemas.what_if.questions import Chosen, Question
from schemas.what_if.settings import Change

_SILENT_EVERY = 97
_FEW = 10
_SWEEP = tuple(Change("grace", 60 * minutes) for minutes in range(5, 65, 5))


def what_if(
    events: Annotated[int, typer.Option(help="Events in the journal of the partition.")] = 500_000,
    checks: Annotated[int, typer.Option(help="Checks that are pinged in turn.")] = 2_000,
    rate: Annotated[int, typer.Option(help="Pings in a second, between two ticks.")] = 200,
) -> None:
    """Events per second of questions about what would have been."""
    report = Report("what-if", {"events": events, "checks": checks, "rate": rate, "few": _FEW})
    with broker() as kafka:
        log, now = KafkaLog(kafka.bootstrap), time.time_ns() // 1000
        ids = _ids(checks, len(log.ends(PINGS)))
        say("producing the journal")
        count = produce(kafka.bootstrap, PINGS, _journal(ids, events, rate, now))
        fold = next(fold for fold in FOLDS if fold.journal == PINGS)
        epoch = Epoch(offset=0, fold=fold.version, tzdata=TZDATA_VERSION, schedules=SCHEDULES_VERSION)
        own = encode(Progress(applied=count - 1, time=now, epochs=(epoch,)))
        produce(kafka.bootstrap, CHECK_STATES, [(PROGRESS_KEY, own, 0)])
        chosen = [Chosen(id, "check", id) for id in ids]
        for name, things, sweep in (
            ("few", chosen[:_FEW], ()),
            ("all", chosen, ()),
            ("few, a sweep of 12", chosen[:_FEW], _SWEEP),
        ):
            question = Question(
                project="bench", chosen=tuple(things), changes=() if sweep else (Change("grace", 1_200),),
                sweep=sweep, since=0, until=now + 10**15, short=300 * SECOND,
            )  # fmt: skip
            report.measured[name] = _measured(question, log)
            say(f"{name}: {report.measured[name]['per_second']:.0f}/s")
    report.ask("events/s per core, few chosen", report.measured["few"]["per_second"], ">=", 100_000)
    report.publish()


def _measured(question: Question, log: KafkaLog) -> dict[str, Any]:
    began, used = time.perf_counter(), time.process_time()
    found = answer(question, log, FOLDS, Path("none"), lambda _read, _total: None)
    used, took = time.process_time() - used, time.perf_counter() - began
    return {
        "per_second": round(found.events / used, 1),
        "by_the_clock": round(found.events / took, 1),
        "events": found.events,
        "alerts_sent": found.cases[0].sent,
        "alerts_imagined": found.cases[-1].imagined,
    }


def _ids(count: int, partitions: int) -> list[str]:
    """Ids of checks that belong into partition 0."""
    found: list[str] = []
    number = 0
    while len(found) < count:
        id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"what-if {number}"))
        number += 1
        if partition_of(id.encode(), partitions) == 0:
            found.append(id)
    return found


def _journal(ids: list[str], events: int, rate: int, now: Micros) -> Iterator[tuple[str | None, bytes, int]]:
    """Pings in turn; of every 97th check one in ten does not come in time."""
    period = Simple(max(60, len(ids) // rate + 1))
    at = now - (events // rate + 1) * SECOND
    for id in ids:
        check = Check(id=id, project="bench", version=1, created=at, schedule=period, grace=60, channels=("hook",))
        yield id, encode(CheckDefined(at=at, check=check)), 0
    for number in range(events):
        if number % rate == 0:
            at += SECOND
            offset = at - time.time_ns() // 1000  # of the test clock: the time of the ticks is a past one
            yield "tick", encode(Tick(slot="web", epoch=1, at=at, now=at, offset=offset, beats=True)), 0
        turn, which = divmod(number, len(ids))
        if which % _SILENT_EVERY or turn // 20 % 10:
            ping = Ping(kind="success", at=at, by=1, scheme="https", method="POST", remote_addr="192.0.2.7")
            yield ids[which], encode(ping), 0
