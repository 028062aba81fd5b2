"""The supervisor: what a role measured ends with it, what it counted stays; what hangs is replaced."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, multiprocess

import pingfold.supervisor as supervisor_module
from infra.settings import Settings
from pingfold.environments import environment_for
from pingfold.supervisor import Role, Supervisor

_MEASURES = """
import time
from prometheus_client import Counter, Gauge
Counter("taken", "...").inc(3)
Gauge("in_flight", "...", multiprocess_mode="livesum").set(7)
print("measured", flush=True)
time.sleep(60)
"""


async def test_what_a_dead_process_measured_is_not_told(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data=tmp_path)
    said: asyncio.Queue[str] = asyncio.Queue()
    supervisor = Supervisor(settings, environment_for(settings, "", ""), lambda role, line: said.put_nowait(line))
    supervisor.clear()
    role = Role("measuring", 0, (sys.executable, "-c", _MEASURES), stage=1)
    supervisor.keep(role)
    try:
        async with asyncio.timeout(30):
            assert await said.get() == "measured"
            assert _told(tmp_path) == {"taken_total": 3, "in_flight": 7}
            process = supervisor.process_id(role)
            assert process is not None
            os.kill(process, signal.SIGKILL)
            assert "ended with status -9" in await said.get()
            assert _told(tmp_path) == {"taken_total": 3}
            assert await said.get() == "measured"
            assert _told(tmp_path) == {"taken_total": 6, "in_flight": 7}
    finally:
        await supervisor.stop()
    assert _told(tmp_path) == {"taken_total": 6}


def _told(data: Path) -> dict[str, float]:
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, str(data / "run" / "metrics"))  # type: ignore[no-untyped-call]
    return {sample.name: sample.value for metric in registry.collect() for sample in metric.samples}


async def test_what_waits_to_be_started_again_need_not_wait_any_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a broker could not start for want of room, and now there is some."""
    monkeypatch.setattr(supervisor_module, "_FIRST_PAUSE", 60.0)
    settings = Settings(_env_file=None, data=tmp_path)
    said: asyncio.Queue[str] = asyncio.Queue()
    supervisor = Supervisor(settings, environment_for(settings, "", ""), lambda role, line: said.put_nowait(line))
    supervisor.clear()
    role = Role("ends", 0, (sys.executable, "-c", "print('runs', flush=True)"), stage=1)
    supervisor.keep(role)
    try:
        async with asyncio.timeout(30):
            for number in range(3):
                if number:
                    supervisor.hurry()
                assert await said.get() == "runs"
                assert "starting it again in 60.0 s" in await said.get()
    finally:
        await supervisor.stop()


_ENDS_WHEN_TOLD = """
import sys, time
from pathlib import Path
print("runs", flush=True)
while not Path(sys.argv[1]).exists():
    time.sleep(0.01)
Path(sys.argv[1]).unlink()
"""


async def test_what_is_dying_when_it_need_not_any_longer_is_started_again_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that began to start before there was room."""
    monkeypatch.setattr(supervisor_module, "_FIRST_PAUSE", 0.1)
    settings = Settings(_env_file=None, data=tmp_path)
    said: asyncio.Queue[str] = asyncio.Queue()
    supervisor = Supervisor(settings, environment_for(settings, "", ""), lambda role, line: said.put_nowait(line))
    supervisor.clear()
    go = tmp_path / "go"
    role = Role("ends", 0, (sys.executable, "-c", _ENDS_WHEN_TOLD, str(go)), stage=1)
    supervisor.keep(role)
    pauses = []
    try:
        async with asyncio.timeout(60):
            for number in range(4):
                assert await said.get() == "runs"
                if number == 3:
                    supervisor.hurry()
                go.touch()
                pauses.append((await said.get()).rpartition(" in ")[2])
            assert await said.get() == "runs"
    finally:
        await supervisor.stop()
    assert pauses == ["0.1 s", "0.2 s", "0.4 s", "0.1 s"]


_HANGING = """
import itertools, sys, time
from pathlib import Path
from infra.liveness import publish
from infra.process import progress_file
name, turns = sys.argv[1], int(sys.argv[2])
print("runs", flush=True)
for turn in range(turns):
    publish(progress_file(Path(sys.argv[3]), name), {"counter": turn, "slowest": {"activity": "the loop"}})
    time.sleep(0.2)
time.sleep(60)
"""


async def test_what_makes_no_progress_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that publishes no more, one that never does, one that is frozen, a server that does not answer."""
    monkeypatch.setattr(supervisor_module, "STALL_SECONDS", 8.0)
    monkeypatch.setattr(supervisor_module, "_STARTING_SECONDS", 20.0)
    monkeypatch.setattr(supervisor_module, "_REPLACE_SECONDS", 0.5)
    settings = Settings(_env_file=None, data=tmp_path)
    said: list[tuple[str, str]] = []
    supervisor = Supervisor(settings, environment_for(settings, "", ""), lambda role, line: said.append((role, line)))
    supervisor.clear()
    answers, asked = [True], [0]

    def answer() -> bool:
        asked[0] += 1
        return answers[0]

    def replaced() -> set[str]:
        return {role for role, line in said if "made no progress" in line}

    def role(name: str, turns: int) -> Role:
        return Role(name, 0, (sys.executable, "-c", _HANGING, f"{name}-0", str(turns), str(tmp_path)), stage=1)

    stops, never, works, freezes = role("stops", 5), role("never", 0), role("works", 1_000), role("freezes", 1_000)
    server = Role("server", 0, (sys.executable, "-c", "import time; time.sleep(90)"), 0, answers=answer)
    roles = (stops, never, works, freezes, server)
    for one in roles:
        supervisor.keep(one)
    try:
        async with asyncio.timeout(120):
            while len({role for role, line in said if line == "runs"}) < 4 or asked[0] < 2:
                await asyncio.sleep(0.1)
            answers[0] = False
            first = {one: supervisor.process_id(one) for one in roles}
            frozen = first[freezes]
            assert frozen is not None
            os.kill(frozen, signal.SIGSTOP)
            while len(replaced()) < 4:
                await asyncio.sleep(0.1)
            answers[0] = True
            while ("freezes-0", "does not stop: killed") not in said:
                await asyncio.sleep(0.1)
        assert replaced() == {"stops-0", "never-0", "freezes-0", "server-0"}
        assert supervisor.process_id(works) == first[works]
        assert any("(the loop)" in line for role, line in said if role == "stops-0")
    finally:
        await supervisor.stop()


async def test_a_slow_start_is_no_standstill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time in which nothing may stand still begins with the first sign of progress."""
    monkeypatch.setattr(supervisor_module, "STALL_SECONDS", 0.5)
    monkeypatch.setattr(supervisor_module, "_STARTING_SECONDS", 100.0)
    settings = Settings(_env_file=None, data=tmp_path)
    said: list[str] = []
    supervisor = Supervisor(settings, environment_for(settings, "", ""), lambda _, line: said.append(line))
    supervisor.clear()
    slow = f"import time; time.sleep(5); {_HANGING}"
    role = Role("slow", 0, (sys.executable, "-c", slow, "slow-0", "1", str(tmp_path)), stage=1)
    supervisor.keep(role)
    try:
        async with asyncio.timeout(60):
            while "runs" not in said:
                await asyncio.sleep(0.1)
            assert not any("replaced" in line for line in said)
            while not any("replaced" in line for line in said):  # and from then on it counts
                await asyncio.sleep(0.1)
    finally:
        await supervisor.stop()


async def test_a_keeper_that_meets_a_defect_keeps_its_role_running(tmp_path: Path) -> None:
    """Whatever goes wrong between the supervisor and its role, one process of it runs, and is watched."""
    settings = Settings(_env_file=None, data=tmp_path)
    broken, said = [True, True], list[str]()

    def say(role: str, line: str) -> None:
        if line == "runs" and broken:
            broken.pop()
            raise RuntimeError("a defect")
        said.append(line)

    supervisor = Supervisor(settings, environment_for(settings, "", ""), say)
    supervisor.clear()
    role = Role("one", 0, (sys.executable, "-c", _HANGING, "one-0", "1000", str(tmp_path)), stage=1)
    supervisor.keep(role)
    try:
        async with asyncio.timeout(60):
            while "runs" not in said:
                await asyncio.sleep(0.1)
        assert [line.partition(";")[0] for line in said[:-1]] == ["cannot be kept running (a defect)"] * 2
        pid = supervisor.process_id(role)
        assert pid is not None
        assert (tmp_path / "run" / "one-0.pid").read_text() == f"{pid}\n"
    finally:
        await supervisor.stop()


async def test_a_stop_is_over_in_time_whatever_ignores_it(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data=tmp_path)
    said: asyncio.Queue[str] = asyncio.Queue()
    supervisor = Supervisor(settings, environment_for(settings, "", ""), lambda role, line: said.put_nowait(line))
    supervisor.clear()
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(90)"
    )
    for name, stage in (("web", 2), ("worker", 1), ("kafka", 0)):
        supervisor.keep(Role(name, 0, (sys.executable, "-c", deaf), stage, answers=lambda: True))
    async with asyncio.timeout(30):
        for _ in range(3):
            assert await said.get() == "deaf"
    began = asyncio.get_running_loop().time()
    await supervisor.stop()
    assert asyncio.get_running_loop().time() - began < 10.0
