"""Events per second of one worker process that has a backlog to fold, transactions included.

A Kafka alone. Checks are made and folded, every one has been up once. Then, while no worker runs, a backlog is produced
to `pings`: success pings over all checks in turn, and the ticks of a source among them, one to each partition after
every 10,000 events, as at 10,000 events/s. One worker process is started; the figure is taken from its own count of
events in committed transactions, looked at every 20 ms, from the first commit to the last (what came with the first
look is not counted). Reading the states at the start is told beside it, and is not in the figure.

The limit, in the same run and with the worker stopped: a bare aiokafka consumer on the same topic and events.
"""

import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from bench.brokers import Broker, broker
from bench.checks import count_states, create_requests, ends_of, ping_events, produce
from bench.processes import Usage, answer_of, module, wait_until
from bench.report import Report, say
from bench.stack import read_metrics
from infra.secrets.secrets import Vault, new_ping_key, of_project
from infra.settings.settings import Settings
from schemas.base import SECOND, Micros, encode
from schemas.definitions import Project
from schemas.ids import new_id
from schemas.requests import ProjectCreate
from schemas.ticks import Tick
from schemas.topics import PINGS, PROJECTS

_TICK_EVERY = 10_000
_PATIENCE_SECONDS = 300.0
_LOOK_SECONDS = 0.02

Records = Iterator[tuple[str | None, bytes, int]]


def fold(
    events: Annotated[int, typer.Option(help="Pings in the backlog.")] = 300_000,
    checks: Annotated[int, typer.Option(help="Checks that are pinged in turn.")] = 100_000,
) -> None:
    """Events per second of one worker from a backlog, transactions included."""
    report = Report("fold", {"events": events, "checks": checks, "partitions": 8})
    with broker() as kafka:
        ids = _checks(kafka, checks)
        began = ends_of(kafka.bootstrap, PINGS)
        say("producing the backlog")
        produce(kafka.bootstrap, PINGS, _backlog(ids, events, kafka.partitions, kafka_time()))
        ends = ends_of(kafka.bootstrap, PINGS)
        backlog = sum(ends.values()) - sum(began.values())
        measured = _measure(kafka, backlog)
        say(f"folded: {measured['per_second']:.0f}/s")
        bare = answer_of(
            200.0,
            {
                "bootstrap": str(kafka.bootstrap),
                "security": dict(kafka.bootstrap.security),
                "topic": PINGS.name,
                "partitions": {str(number): (began[number], end) for number, end in ends.items()},
            },
            *module("bench.bare_consumer"),
        )
        say(f"bare consumer: {bare['per_second']:.0f}/s")
        counted = count_states(kafka.bootstrap).pings
    report.measured |= measured | {"bare_consumer": bare, "counted": counted, "sent": events + checks}
    report.ratios["of a bare aiokafka consumer"] = round(measured["per_second"] / bare["per_second"], 3)
    report.ask("events/s per process", measured["per_second"], ">=", 20_000)
    report.ask("pings not counted, or counted twice", abs(counted - events - checks), "<=", 0)
    report.publish()


def kafka_time() -> Micros:
    return time.time_ns() // 1000


def _checks(kafka: Broker, count: int) -> list[str]:
    """A project with checks, each of which is up."""
    vault = Vault.open(Settings(data=kafka.data))
    now = kafka_time()
    id = new_id()
    secret = vault.encrypt("whsec_YmVuY2g=", of_project(id))
    project = Project(id=id, name="bench", ping_key=new_ping_key(), created=now, webhook_secret=secret)
    ids, requests = create_requests(count, 3600, 3600)
    made = [encode(ProjectCreate(request=new_id(), at=now, project=project)), *requests]
    with kafka.role("worker"):
        produce(kafka.bootstrap, PROJECTS, ((project.id, request, -1) for request in made))
        _wait_events(kafka, "checks", count)
        say(f"{count} checks made")
        produce(kafka.bootstrap, PINGS, _backlog(ids, count, kafka.partitions, kafka_time()))
        _wait_events(kafka, "checks", 2 * count)
        time.sleep(1.0)  # the last commits
    return ids


def _backlog(ids: list[str], events: int, partitions: int, at: Micros) -> Records:
    """Pings in turn and the ticks among them; time goes on by a second per 10,000 events."""
    epoch = at
    for first in range(0, events, _TICK_EVERY):
        names = [ids[number % len(ids)] for number in range(first, min(events, first + _TICK_EVERY))]
        yield from ping_events(names, at, SECOND)
        at += SECOND
        tick = encode(Tick(slot="bench", epoch=epoch, at=at, now=at))
        for partition in range(partitions):
            yield None, tick, partition


def _events(kafka: Broker, fold: str) -> tuple[float, float, float, float]:
    """What the worker tells: events, seconds in pure fold code, seconds in commits, transactions."""
    found = read_metrics(kafka.metrics)
    names = ("events_total", "seconds_total", "commit_seconds_sum", "commit_seconds_count")
    events, folding, committing, commits = (found.get((f"pingfold_fold_{name}", fold), 0.0) for name in names)
    return events, folding, committing, commits


def _wait_events(kafka: Broker, fold: str, count: int) -> None:
    wait_until(lambda: _events(kafka, fold)[0] >= count, _PATIENCE_SECONDS, f"{count} events are folded", 0.1)


def _measure(kafka: Broker, backlog: int) -> dict[str, Any]:
    looks: list[tuple[float, float]] = []

    def look() -> bool:
        events = _events(kafka, "checks")[0]
        if events:
            looks.append((time.perf_counter(), events))
        return events >= backlog

    started = time.perf_counter()
    with kafka.role("worker") as pid:
        wait_until(lambda: look() or bool(looks), 60.0, "the first commit", _LOOK_SECONDS)
        usage = Usage({"worker": pid})
        wait_until(look, _PATIENCE_SECONDS, f"{backlog} events are folded", _LOOK_SECONDS)
        (first, had), (last, has) = looks[0], looks[-1]
        cpu = usage.micros_per(int(has - had))
        events, folding, committing, commits = _events(kafka, "checks")
    return {
        "per_second": round((has - had) / (last - first), 1),
        "events": int(events),
        "seconds": round(last - first, 3),
        "seconds_to_first_commit": round(first - started, 3),
        "pure_fold_micros_per_event": round(folding * 1e6 / events, 1),
        "transactions": int(commits),
        "events_per_transaction": round(events / max(1.0, commits), 1),
        "commit_ms_mean": round(committing * 1e3 / max(1.0, commits), 1),
        "cpu_micros_per_event": cpu["worker"],
    }
