"""Liveness by progress: who makes none is found, who waits for a server that is away is left alone."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from infra.process.liveness import EXIT_STALLED, STALL_SECONDS, Liveness, publish


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def made(clock: Clock, **answers: Callable[[], bool]) -> Liveness:
    one = Liveness(clock)
    one._checks = dict(answers)
    return one


def pass_time(liveness: Liveness, clock: Clock, seconds: float) -> list[str]:
    """Let the watchdog look once a second; who is stalled in the end."""
    for _ in range(round(seconds)):
        clock.now += 1.0
        outlook = liveness.look()
    return [] if outlook.stalled is None else [outlook.stalled[0]]


def test_whoever_turns_is_well_and_whoever_does_not_is_stalled() -> None:
    clock = Clock()
    liveness = made(clock)
    well, hangs = liveness.activity("well"), liveness.activity("hangs")
    for _ in range(29):
        well.beat()
        assert pass_time(liveness, clock, 1) == []
    hangs.beat()  # just in time
    for _ in range(30):
        well.beat()
        assert pass_time(liveness, clock, 1) == []
    well.beat()
    assert pass_time(liveness, clock, 1) == ["hangs"]
    liveness.end(hangs)
    well.beat()
    assert pass_time(liveness, clock, 1) == []


def test_the_time_in_which_a_server_is_away_does_not_count() -> None:
    clock, there = Clock(), [False]
    liveness = made(clock, kafka=lambda: there[0])
    liveness.activity("reads", needs=("kafka",))
    assert pass_time(liveness, clock, 600) == []
    assert liveness.look().waiting is not None
    there[0] = True
    assert pass_time(liveness, clock, STALL_SECONDS - 1) == []
    assert liveness.look().waiting is None
    assert pass_time(liveness, clock, 1) == ["reads"]


def test_an_activity_that_needs_no_server_is_not_excused_by_one_that_is_away() -> None:
    clock = Clock()
    liveness = made(clock, kafka=lambda: False)
    liveness.activity("reads", needs=("kafka",))
    liveness.activity("event loop")
    assert pass_time(liveness, clock, STALL_SECONDS) == ["event loop"]


def test_time_in_which_the_process_stood_still_does_not_count() -> None:
    clock = Clock()
    liveness = made(clock)
    activity = liveness.activity("loop")
    activity.beat()
    pass_time(liveness, clock, 1)
    clock.now += 600.0  # SIGSTOP
    assert pass_time(liveness, clock, 1) == []
    assert pass_time(liveness, clock, STALL_SECONDS - 1) == []
    assert pass_time(liveness, clock, 1) == ["loop"]


def test_a_check_that_does_not_come_back_counts_as_no_answer_and_is_not_asked_twice() -> None:
    clock, asked, released = Clock(), [0], threading.Event()

    def hangs() -> bool:
        asked[0] += 1
        return not released.wait(30.0)

    liveness = made(clock, kafka=hangs)
    liveness.activity("reads", needs=("kafka",))
    assert pass_time(liveness, clock, 5) == []
    assert liveness.look().waiting is not None
    assert asked == [1]
    released.set()


def test_a_longer_limit(tmp_path: Path) -> None:
    """What an activity is given, nobody who looks at the file takes away: it moves until the limit is near."""
    clock, file = Clock(), tmp_path / "writer-0.progress"
    liveness = made(clock)
    liveness.activity("roll-ups", limit=600.0)
    moved = []
    for second in range(1, 600):
        clock.now += 1.0
        before = liveness._published
        liveness._turn(file, "writer-0")
        if liveness._published > before:
            moved.append(second)
    assert moved == list(range(1, 580))
    assert json.loads(file.read_text())["slowest"] == {"activity": "roll-ups", "seconds": 579.0}
    assert pass_time(liveness, clock, 1) == ["roll-ups"]


def test_the_file_stands_still_for_whoever_is_late_whatever_others_are_given(tmp_path: Path) -> None:
    clock = Clock()
    liveness = made(clock)
    liveness.activity("roll-ups", limit=600.0)
    pass_time(liveness, clock, 400)
    liveness.activity("event loop")
    pass_time(liveness, clock, 9)
    assert liveness.look().moves
    pass_time(liveness, clock, 1)
    assert liveness.look().late == ("event loop", 10.0)
    assert not liveness.look().moves


def test_on_a_full_disk_the_file_moves_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "worker-0.progress"
    publish(file, {"counter": 1})
    before = file.stat().st_mtime_ns
    (tmp_path / f"worker-0.progress.{os.getpid()}.new").mkdir()  # what is written beside it cannot be
    publish(file, {"counter": 2})
    assert json.loads(file.read_text()) == {"counter": 1}
    assert file.stat().st_mtime_ns > before


_HANGS = """
import sys, threading, time
from pathlib import Path
import infra.process.liveness
from infra.process.liveness import LIVENESS
infra.process.liveness.STALL_SECONDS = 1.0
LIVENESS.activity("stuck", limit=4.0)
LIVENESS.watch(Path(sys.argv[1]), "hangs-0", {})
threading.Event().wait()
"""


def test_a_process_with_a_stuck_thread_ends_itself(tmp_path: Path) -> None:
    """Even if whoever reads what it says has stopped reading."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writing, True)
    command = [sys.executable, "-c", _HANGS, str(tmp_path / "hangs-0.progress")]
    try:
        with subprocess.Popen(command, stdout=writing, stderr=writing) as process:
            assert process.wait(120.0) == EXIT_STALLED
    finally:
        os.close(reading)
        os.close(writing)
