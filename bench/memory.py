"""Memory that a check takes: in a worker, which folds it, and in a web process, which looks it up.

Each side is a process of its own that takes the records of its checks as Kafka would hand them over, one by one, and
tells how much its resident memory has grown by. A worker holds states, copies of definitions and the wheel in the fold
of checks, definitions and indexes in that of projects, which is measured apart; a web process the directory and the
states. Every check is up, has been pinged and has limits; names and slugs are its own.
"""

import gc
import json
import os
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec import Struct

from bench.processes import answer_of, module
from bench.report import Report, say
from infra.log.directory import Directory
from processors.checks.fold import Checks
from processors.fold.contract import Fold, Record, Session
from processors.fold.view import View
from processors.projects.fold import Projects
from processors.runtime.loading import Loading, decoded
from query_api.state.states import States
from schemas.base import SECOND, encode
from schemas.check_states import CheckState, DefinitionCopy
from schemas.definitions import Check, Project, definition_key
from schemas.schedules import Simple
from schemas.ticks import PROGRESS_KEY, Progress, Tick

_AT = 1_795_000_000 * SECOND
_PARTITIONS = 8
_PATIENCE_SECONDS = 300.0


def memory(checks: Annotated[int, typer.Option(help="Checks that each process holds.")] = 100_000) -> None:
    """Memory of a worker and of a web process for each check."""
    report = Report("memory", {"checks": checks})
    for side, asked in (("worker", 1_000), ("projects", 1_000), ("web", 1_000)):
        say(f"{side} with {checks} checks")
        measured = answer_of(_PATIENCE_SECONDS, {"side": side, "checks": checks}, *module("bench.memory"))
        report.measured[side] = measured
        report.ask(f"bytes for each check, {side}", measured["bytes_per_check"], "<=", asked)
    report.publish()


def measure(side: str, count: int) -> dict[str, Any]:
    """In the process that is measured."""
    hold = {"worker": _worker, "projects": _projects, "web": _web}[side]
    hold(1)  # what is imported and made once
    gc.collect()
    before = resident()
    held = hold(count)
    gc.collect()
    after = resident()
    assert held
    return {"bytes_per_check": round((after - before) / count, 1), "resident_mib": round(after / 2**20, 1)}


def resident(pid: int | str = "self") -> int:
    """Bytes of a process, of this one without a number, in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def records(count: int) -> Iterator[tuple[Check, CheckState]]:
    """Checks as they are made by hand, and the state of each after some pings."""
    for number in range(count):
        id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"check {number}"))
        check = Check(
            id=id,
            project=_project(number),
            version=1,
            created=_AT - number,
            name=f"Nightly backup {number}",
            slug=f"nightly-backup-{number}",
            tags="production backup",
            schedule=Simple(period=3_600),
            grace=900,
            late_limit=1_800,
            run_limit=600,
            token=f"{number:06x}",
            channels=(str(uuid.uuid5(uuid.NAMESPACE_OID, f"channel {number % 20}")),),
        )
        at = _AT + number * 7
        state = CheckState(
            version=1,
            status="up",
            base=at,
            pings=1_000 + number,
            changes=1,
            since=_AT - number,
            offset=500_000 + number,
            stamped=(_AT - 7, at),
            last_ping=at,
            last_success=at,
            last_start=at - SECOND,
            last_duration=SECOND,
            last_exitstatus=0,
        )
        yield check, state


def _project(number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"project {number % 20}"))


def received(record: Struct) -> bytes:
    """A record's value as the Kafka client gives it: no longer than it is."""
    return bytes(memoryview(encode(record)))


def _worker(count: int) -> object:
    """Eight partitions of the fold, as they are after loading."""
    sessions, made = [], records(count)
    for number in range(_PARTITIONS):
        sessions.append(_loaded(Checks(), number, _states(islice(made, count // _PARTITIONS or 1))))
    for session in sessions:  # every check has been looked at once: the wheel knows its true deadline
        tick = Tick(slot="web-0", epoch=1, at=_AT, now=_AT)
        session.step([Record(11, _AT, b"", encode(tick))])
        session.view.take_changes()
    return sessions


def _projects(count: int) -> object:
    """The same of the fold of projects."""
    made = records(count)
    sessions = []
    for number in range(_PARTITIONS):
        owners = [
            Project(id=_project(each), name="Ours", ping_key="k", created=_AT, webhook_secret="") for each in range(20)
        ]
        checks = (check for check, _ in islice(made, count // _PARTITIONS or 1))
        definitions = ((definition_key(each), each) for each in chain[Project | Check](owners, checks))
        sessions.append(_loaded(Projects(), number, definitions))
    return sessions


def _states(made: Iterable[tuple[Check, CheckState]]) -> Iterator[tuple[str, Struct]]:
    for check, state in made:
        yield f"definition/{check.id}", DefinitionCopy(check=check)
        yield check.id, state


def _loaded(fold: Fold, number: int, made: Iterable[tuple[str, Struct]]) -> Session:
    """A partition as it is after loading: one after the other, as a worker does it."""
    table = {key.encode().decode(): received(record) for key, record in made}
    table[PROGRESS_KEY] = encode(Progress(applied=10, time=_AT))
    loading = Loading(fold.states, number)
    view = View(decoded(fold.states.name, table, fold.records, fold.version, loading, fold.packer))
    return Session(fold, number, view, "2026a")


def _web(count: int) -> object:
    """The replicas, as they are after loading."""
    directory, states = Directory(), States(CheckState)
    applies: list[tuple[Callable[[int, str, bytes | None], None], Callable[[Check, CheckState], tuple[str, bytes]]]] = [
        (directory.apply, lambda check, _: (definition_key(check), received(check))),
        (states.apply, lambda check, state: (check.id, received(state))),
    ]
    for apply, made in applies:
        for number, (check, state) in enumerate(records(count)):
            key, value = made(check, state)
            apply(number % _PARTITIONS, key.encode().decode(), value)
    return directory, states


if __name__ == "__main__":
    task = json.load(sys.stdin)
    print(json.dumps(measure(task["side"], task["checks"])))
