"""The supervisor: what a role measured ends with it, what it counted stays; what hangs is replaced."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, multiprocess

import pingfold.supervisor.supervisor as supervisor_module
from infra.settings.settings import Settings
from pingfold.supervisor.environments import environment_for
from pingfold.supervisor.supervisor import STOP_SECONDS, Role, Supervisor

# On the slowest machine; nothing here depends on how long it takes.
SOON = 120.0

Said = list[tuple[str, str]]
_WELL = re.compile(r"starting(?: on \S+)?, process \d+$|(?:runs|answers) after|stopped$")


class Supervised:
    """A supervisor of its own; `said` is what was meant for people: role and line."""

    def __init__(self, data: Path) -> None:
        self.data, self.said, self._read = data, Said(), 0
        self.noted = Said()  # what is said of a role that is well
        self.broken = 0  # so many lines meet a defect
        settings = Settings(_env_file=None, data=data)
        self.supervisor = Supervisor(settings, environment_for(settings, "", ""), self._say)
        self.supervisor.clear()

    def _say(self, role: str, line: str) -> None:
        if line == "runs" and self.broken:
            self.broken -= 1
            raise RuntimeError("a defect")
        (self.noted if _WELL.match(line) else self.said).append((role, line))

    def keep(self, name: str, program: str, *arguments: str, stage: int = 1, **more: Any) -> Role:
        """Keep a program in Python running."""
        role = Role(name, 0, (sys.executable, "-c", program, *arguments), stage, **more)
        self.supervisor.keep(role)
        return role

    def pid(self, role: Role) -> int:
        """The process that runs now."""
        pid = self.supervisor.process_id(role)
        assert pid is not None
        return pid

    async def line(self) -> str:
        """The next line that was not asked for yet."""
        await self.until(lambda: len(self.said) > self._read)
        self._read += 1
        return self.said[self._read - 1][1]

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(SOON):
            while not condition():
                await asyncio.sleep(0.02)

    def replaced(self) -> set[str]:
        return {role for role, line in self.said if "made no progress" in line}


@pytest.fixture
async def supervised(tmp_path: Path) -> AsyncIterator[Supervised]:
    one = Supervised(tmp_path)
    yield one
    await one.supervisor.stop()


_MEASURES = """
import time
from prometheus_client import Counter, Gauge
Counter("taken", "...").inc(3)
Gauge("in_flight", "...", multiprocess_mode="livesum").set(7)
print("measured", flush=True)
time.sleep(600)
"""


async def test_what_a_dead_process_measured_is_not_told(
    supervised: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "_FIRST_PAUSE", 600.0)
    role = supervised.keep("measuring", _MEASURES)
    assert await supervised.line() == "measured"
    assert _told(supervised.data) == {"taken_total": 3, "in_flight": 7}
    os.kill(supervised.pid(role), signal.SIGKILL)
    assert "ended with status -9" in await supervised.line()
    assert _told(supervised.data) == {"taken_total": 3}
    supervised.supervisor.hurry()
    assert await supervised.line() == "measured"
    assert _told(supervised.data) == {"taken_total": 6, "in_flight": 7}
    await supervised.supervisor.stop()
    assert _told(supervised.data) == {"taken_total": 6}


def _told(data: Path) -> dict[str, float]:
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, str(data / "run" / "metrics"))  # type: ignore[no-untyped-call]
    return {sample.name: sample.value for metric in registry.collect() for sample in metric.samples}


async def test_what_waits_to_be_started_again_need_not_wait_any_longer(
    supervised: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a broker could not start for want of room, and now there is some."""
    monkeypatch.setattr(supervisor_module, "_FIRST_PAUSE", 600.0)
    supervised.keep("ends", "print('runs', flush=True)")
    for number in range(3):
        if number:
            supervised.supervisor.hurry()
        assert await supervised.line() == "runs"
        assert "starting it again in 600.0 s" in await supervised.line()


_ENDS_WHEN_TOLD = """
import sys, time
from pathlib import Path
print("runs", flush=True)
while not Path(sys.argv[1]).exists():
    time.sleep(0.01)
Path(sys.argv[1]).unlink()
"""


async def test_what_is_dying_when_it_need_not_any_longer_is_started_again_soon(
    supervised: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that began to start before there was room."""
    monkeypatch.setattr(supervisor_module, "_FIRST_PAUSE", 0.1)
    monkeypatch.setattr(supervisor_module, "_WELL_SECONDS", 10 * SOON)
    go = supervised.data / "go"
    supervised.keep("ends", _ENDS_WHEN_TOLD, str(go))
    pauses = []
    for number in range(4):
        assert await supervised.line() == "runs"
        if number == 3:
            supervised.supervisor.hurry()
        go.touch()
        pauses.append((await supervised.line()).rpartition(" in ")[2])
    assert await supervised.line() == "runs"
    assert pauses == ["0.1 s", "0.2 s", "0.4 s", "0.1 s"]


_HANGING = """
import itertools, sys, time
from pathlib import Path
from infra.process.liveness import publish
from infra.process.lifecycle import progress_file
name, turns = sys.argv[1], int(sys.argv[2])
print("runs", flush=True)
for turn in range(turns):
    publish(progress_file(Path(sys.argv[3]), name), {"counter": turn, "slowest": {"activity": "the loop"}})
    time.sleep(0.2)
time.sleep(600)
"""


async def test_what_makes_no_progress_is_replaced(supervised: Supervised, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that publishes no more, one that never does, one that is frozen, a server that does not answer."""
    monkeypatch.setattr(supervisor_module, "STALL_SECONDS", 8.0)
    monkeypatch.setattr(supervisor_module, "_STARTING_SECONDS", 20.0)
    monkeypatch.setattr(supervisor_module, "_REPLACE_SECONDS", 0.5)
    answers, asked = [True], [0]

    def answer() -> bool:
        asked[0] += 1
        return answers[0]

    def role(name: str, turns: int) -> Role:
        return supervised.keep(name, _HANGING, f"{name}-0", str(turns), str(supervised.data))

    works, freezes = role("works", 3_000), role("freezes", 3_000)
    roles = role("stops", 5), role("never", 0), works, freezes
    server = supervised.keep("server", "import time; time.sleep(600)", stage=0, answers=answer)
    await supervised.until(
        lambda: len({role for role, line in supervised.said if line == "runs"}) == 4 and asked[0] >= 2
    )
    answers[0] = False
    first = {one: supervised.pid(one) for one in (*roles, server)}
    os.kill(first[freezes], signal.SIGSTOP)
    await supervised.until(lambda: len(supervised.replaced()) == 4)
    answers[0] = True
    await supervised.until(lambda: ("freezes-0", "does not stop: killed") in supervised.said)
    assert supervised.replaced() == {"stops-0", "never-0", "freezes-0", "server-0"}
    assert supervised.pid(works) == first[works]
    assert any("(the loop)" in line for role, line in supervised.said if role == "stops-0")


async def test_a_slow_start_is_no_standstill(supervised: Supervised, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time in which nothing may stand still begins with the first sign of progress."""
    monkeypatch.setattr(supervisor_module, "STALL_SECONDS", 0.5)
    monkeypatch.setattr(supervisor_module, "_STARTING_SECONDS", 10 * SOON)
    supervised.keep("slow", f"import time; time.sleep(5); {_HANGING}", "slow-0", "1", str(supervised.data))
    assert await supervised.line() == "runs"
    assert "replaced" in await supervised.line()  # and from then on it counts


async def test_a_keeper_that_meets_a_defect_keeps_its_role_running(supervised: Supervised) -> None:
    """Whatever goes wrong between the supervisor and its role, one process of it runs, and is watched."""
    supervised.broken = 2
    role = supervised.keep("one", _HANGING, "one-0", "3000", str(supervised.data))
    said = [(await supervised.line()).partition(";")[0] for _ in range(3)]
    assert said == ["cannot be kept running (a defect)", "cannot be kept running (a defect)", "runs"]
    assert (supervised.data / "run" / "one-0.pid").read_text() == f"{supervised.pid(role)}\n"


_DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"


async def test_a_stop_is_over_in_time_whatever_ignores_it(supervised: Supervised) -> None:
    for name, stage in (("web", 2), ("worker", 1), ("kafka", 0)):
        supervised.keep(name, _DEAF, stage=stage, answers=lambda: True)
    for _ in range(3):
        assert await supervised.line() == "deaf"
    began = asyncio.get_running_loop().time()
    await supervised.supervisor.stop()
    assert STOP_SECONDS < 10.0
    assert asyncio.get_running_loop().time() - began < 3 * STOP_SECONDS  # the machine may be busy


_HAS_A_CHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""


async def test_a_child_that_outlives_its_role_holds_up_nothing(supervised: Supervised) -> None:
    """It has the pipe of the role, whose end is then never read; neither a restart nor a stop leaves it open."""
    role = supervised.keep("parent", _HAS_A_CHILD)
    children = [int(await supervised.line())]
    try:
        first = _output_of(children[0])
        assert first in _pipes()
        os.kill(supervised.pid(role), signal.SIGKILL)
        assert "ended with status -9" in await supervised.line()
        children.append(int(await supervised.line()))
        second = _output_of(children[1])
        assert first not in _pipes()
        assert second in _pipes()
        await supervised.supervisor.stop()
        assert second not in _pipes()
    finally:
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


def _output_of(pid: int) -> str:
    """The pipe that a process writes to."""
    return str(Path(f"/proc/{pid}/fd/1").readlink())


def _pipes() -> set[str]:
    """The pipes that this process has open."""
    found = set()
    for file in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if (target := str(file.readlink())).startswith("pipe:"):
                found.add(target)
    return found


async def test_a_role_is_told_of_when_it_starts_is_well_and_ends(supervised: Supervised) -> None:
    answers = asyncio.Event()
    server = supervised.keep("kafka", "import time; time.sleep(600)", answers=answers.is_set, where="127.0.0.1:9")
    await supervised.until(lambda: supervised.noted)
    assert supervised.noted == [("kafka-0", f"starting on 127.0.0.1:9, process {supervised.pid(server)}")]
    answers.set()
    await supervised.until(lambda: len(supervised.noted) == 2)
    assert supervised.noted[1][1].startswith("answers after ")
    await supervised.supervisor.stop()
    assert supervised.noted[2:] == [("kafka-0", "stopped")]
    assert supervised.said == []


async def test_when_a_server_ends_its_log_and_its_last_words_are_told(
    supervised: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "_FIRST_PAUSE", 600.0)
    program = "print('first'); print('no room'); raise SystemExit(3)"
    supervised.keep("kafka", program, answers=lambda: False, why=lambda: "its log is kafka.log")
    assert [await supervised.line() for _ in range(2)] == ["first", "no room"]
    output = supervised.data / "run" / "kafka-0.out"
    assert await supervised.line() == (
        f"ended with status 3 (its log is kafka.log; it said: no room; see {output}); starting it again in 600.0 s"
    )
    assert output.read_text() == "first\nno room\n"
