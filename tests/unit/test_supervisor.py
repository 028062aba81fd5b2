"""The supervisor: what a role measured ends with it, what it counted stays."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from prometheus_client import CollectorRegistry, multiprocess

from infra.settings import Settings
from pingfold.supervisor import Role, Supervisor, environment_for

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
