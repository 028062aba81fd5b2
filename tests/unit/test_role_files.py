"""What is wrong with the roles of this machine, by the files that they and their supervisor keep moving."""

import os
import resource
from pathlib import Path
from typing import Any

from infra.process.lifecycle import EXIT_DEFECTIVE
from infra.process.liveness import publish
from infra.process.process_identity import process_identity
from infra.process.role_files import Restarts, RoleFiles


def supervise(data: Path, turn: int, **roles: int | None) -> None:
    known: dict[str, Any] = {
        name: {"pid": pid, "restarts": 2, "replaced": 1, "ended": "ended with status 70"} for name, pid in roles.items()
    }
    publish(data / "run" / "supervisor.json", {"pid": os.getpid(), "counter": turn, "roles": known})


def work(data: Path, name: str, pid: int | None = None, activity: str | None = None) -> None:
    slowest = activity and {"activity": activity, "seconds": 9.0}
    publish(data / "run" / f"{name}.progress", {"pid": pid or os.getpid(), "slowest": slowest})


def test_who_moves_is_well(tmp_path: Path) -> None:
    files = RoleFiles(tmp_path)
    for turn in range(4):
        supervise(tmp_path, turn, **{"worker-0": 1})
        work(tmp_path, "worker-0")
        assert files.look(20.0 * turn) == {}
    assert files.restarts == {"worker-0": Restarts(2, 1)}


def test_who_does_not_move_is_told_with_what_holds_it_up(tmp_path: Path) -> None:
    files = RoleFiles(tmp_path)
    work(tmp_path, "worker-0", activity="event loop")
    for now, wrong in ((0.0, {}), (14.0, {}), (16.0, {"worker-0": "makes no progress for 16 s (event loop)"})):
        supervise(tmp_path, int(now), **{"worker-0": 1})
        assert files.look(now) == wrong


def test_who_does_not_run_is_told_with_how_it_ended(tmp_path: Path) -> None:
    files = RoleFiles(tmp_path)
    role: dict[str, Any] = {"restarts": 1, "replaced": 0, "ended": "ended with status -9"}
    again = "ended with status -9, and was started again {} s ago"
    for turn, (pid, seconds, wrong) in enumerate(
        [(None, None, "does not run (ended with status -9)"), (1, 0.2, again.format(0)), (1, 14.0, again.format(14))]
    ):
        told = role | {"pid": pid, "seconds": seconds}
        publish(
            tmp_path / "run" / "supervisor.json", {"pid": os.getpid(), "counter": turn, "roles": {"worker-0": told}}
        )
        assert files.look(float(turn)) == {"worker-0": wrong}
    told = role | {"pid": 1, "seconds": 15.5}
    publish(tmp_path / "run" / "supervisor.json", {"pid": os.getpid(), "counter": 9, "roles": {"worker-0": told}})
    assert files.look(16.0) == {}


def test_who_was_never_started_is_waited_for(tmp_path: Path) -> None:
    files = RoleFiles(tmp_path)
    role = {"pid": None, "restarts": 0, "replaced": 0, "ended": None, "seconds": None}
    for now, wrong in ((0.0, {}), (11.0, {"prober-0": "does not run (it was never started)"})):
        publish(tmp_path / "run" / "supervisor.json", {"pid": os.getpid(), "counter": now, "roles": {"prober-0": role}})
        assert files.look(now) == wrong


def test_who_stops_itself_is_told_until_it_has_run_for_a_while(tmp_path: Path) -> None:
    files = RoleFiles(tmp_path)
    reason = "stops itself, because it cannot fold most of what it reads (fold.defective in its log)"
    runs_for = ((None, True), (30.0, True), (None, True), (59.0, True), (61.0, False), (None, True))
    for turn, (seconds, told) in enumerate(runs_for):
        now, pid = 20.0 * turn, None if seconds is None else os.getpid()
        role = {"pid": pid, "restarts": 1, "replaced": 0, "ended": f"ended with status {EXIT_DEFECTIVE}"}
        report = {"pid": os.getpid(), "counter": turn, "roles": {"worker-0": role | {"seconds": seconds}}}
        publish(tmp_path / "run" / "supervisor.json", report)
        found = files.look(now)
        found.pop("supervisor", None)
        assert found == ({"worker-0": reason} if told else {})


def test_a_role_that_stopped_itself_days_ago_is_no_news(tmp_path: Path) -> None:
    """Whoever has just begun to look does not know when that was; the supervisor knows how long it has been well."""
    ended = f"ended with status {EXIT_DEFECTIVE}"
    role = {"pid": os.getpid(), "restarts": 1, "replaced": 0, "ended": ended, "seconds": 200_000.0}
    publish(tmp_path / "run" / "supervisor.json", {"pid": os.getpid(), "counter": 1, "roles": {"worker-0": role}})
    assert RoleFiles(tmp_path).look(0.0) == {}


def test_a_role_that_publishes_nothing_and_what_else_the_supervisor_tells(tmp_path: Path) -> None:
    files = RoleFiles(tmp_path)
    for seconds, wrong in ((29.0, {}), (31.0, {"writer-0": "has been starting for 31 s"})):
        known = {"pid": os.getpid(), "restarts": 0, "replaced": 0, "ended": None, "seconds": seconds}
        roles = {"writer-0": known | {"publishes": True}, "kafka-0": known | {"publishes": False}}
        report = {"pid": os.getpid(), "counter": seconds, "roles": roles, "problems": {"history": "has no tables yet"}}
        publish(tmp_path / "run" / "supervisor.json", report)
        assert files.look(seconds) == {"history": "has no tables yet"} | wrong


def test_a_supervisor_that_hangs(tmp_path: Path) -> None:
    files = RoleFiles(tmp_path)
    supervise(tmp_path, 0)
    assert files.look(0.0) == {}
    assert files.look(15.0) == {"supervisor": "makes no progress for 15 s"}


def test_what_nobody_supervises_and_has_ended_is_nobodys_fault(tmp_path: Path) -> None:
    files = RoleFiles(tmp_path)
    work(tmp_path, "worker-7", pid=2**30)
    assert files.look(0.0) == {}
    assert files.look(60.0) == {}
    (tmp_path / "run" / "supervisor.json").write_text("{")
    assert files.look(61.0) == {}


def test_a_number_that_another_process_has_by_now_is_nobodys_fault(tmp_path: Path) -> None:
    """Files that a killed run or another boot has left behind: the number that they name is ours."""
    files, birth = RoleFiles(tmp_path), process_identity(os.getpid())
    roles = {"worker-0": {"pid": None, "restarts": 0, "replaced": 0, "ended": None}}
    for written, wrong in (("another-boot/17", set()), (birth, {"supervisor", "writer-0"})):
        progress = {"pid": os.getpid(), "birth": written, "slowest": None}
        publish(tmp_path / "run" / "writer-0.progress", progress)
        publish(tmp_path / "run" / "supervisor.json", {"pid": os.getpid(), "birth": written, "roles": roles})
        first = 0.0 if wrong else 100.0
        files.look(first)
        assert set(files.look(first + 60.0)) - {"worker-0"} == wrong


def test_what_cannot_be_read_is_not_well(tmp_path: Path) -> None:
    """Without a free file descriptor nothing can be read, and whoever hangs then would pass for well."""
    files = RoleFiles(tmp_path)
    supervise(tmp_path, 1, **{"worker-0": 1})
    work(tmp_path, "worker-0")
    assert files.look(0.0) == {}
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        wrong = files.look(20.0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    why = f"nothing is known of them, since {tmp_path / 'run'} cannot be read: Too many open files"
    assert wrong == {"roles": why}
    supervise(tmp_path, 2, **{"worker-0": 1})
    assert files.look(21.0) == {"worker-0": "makes no progress for 21 s"}
