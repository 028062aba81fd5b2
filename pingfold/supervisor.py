"""The supervisor: starts every role of one machine in order, restarts what dies, stops all of it cleanly.

Order: Kafka and ClickHouse (unless settings name existing ones), topics and tables, the default project's credentials,
then workers, ticker, writer and web. Each role's process id stands in `data/run/ROLE-SLOT.pid`; each of its lines is
prefixed with its name. A role that dies is started again after a pause that grows from 0.2 s to 10 s.
"""

import asyncio
import contextlib
import ctypes
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from infra.settings import Settings
from pingfold import metrics_folder

STOP_SECONDS = 8.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
# A role that ran for so long is taken to be well: its next pause is the first one again.
_WELL_SECONDS = 30.0


@dataclass(frozen=True)
class Role:
    """A process to keep running.

    stage: stages stop in falling order, all of one stage at once.
    nice: how much it yields to the others when the processors are busy, as nice(1) counts.
    """

    name: str
    slot: int
    command: tuple[str, ...]
    stage: int
    nice: int = 0

    def __str__(self) -> str:
        return f"{self.name}-{self.slot}"


# History can wait; whoever sends a ping cannot.
PATIENT = 10


def _before_exec(role: Role) -> None:
    """A role never outlives its supervisor, even one that was killed (Linux; elsewhere this does nothing)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    os.nice(role.nice)


class Supervisor:
    """Keeps roles running. `say` takes the lines meant for people."""

    def __init__(self, settings: Settings, environment: dict[str, str], say: Callable[[str, str], None]) -> None:
        self._run = settings.data / "run"
        self._environment = environment
        self._say = say
        self._keepers: dict[Role, asyncio.Task[None]] = {}
        self._processes: dict[Role, asyncio.subprocess.Process] = {}
        self._stopping: set[Role] = set()

    def clear(self) -> None:
        """Remove what a killed run has left behind: stale process ids and metrics."""
        shutil.rmtree(self._run, ignore_errors=True)
        self._run.mkdir(parents=True, exist_ok=True)
        metrics_folder.make(self._run / "metrics")

    def keep(self, role: Role) -> None:
        """Start a role and keep it running."""
        self._keepers[role] = asyncio.create_task(self._keep(role), name=str(role))

    def process_id(self, role: Role) -> int | None:
        """The process id of a role that runs now."""
        process = self._processes.get(role)
        return None if process is None or process.returncode is not None else process.pid

    async def stop(self) -> None:
        """Stop everything, later stages first; what does not stop in time is killed."""
        for stage in sorted({role.stage for role in self._keepers}, reverse=True):
            roles = [role for role in self._keepers if role.stage == stage]
            self._stopping.update(roles)
            await asyncio.gather(*(self._stop(role) for role in roles))

    async def _stop(self, role: Role) -> None:
        process = self._processes.get(role)
        keeper = self._keepers[role]
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                async with asyncio.timeout(STOP_SECONDS if role.stage else STOP_SECONDS / 2):
                    await process.wait()
            except TimeoutError:
                self._say(str(role), "does not stop: killed")
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeper

    async def _keep(self, role: Role) -> None:
        pause = _FIRST_PAUSE
        while True:
            began = time.monotonic()
            status = await self._once(role)
            if role in self._stopping:
                return
            if time.monotonic() - began > _WELL_SECONDS:
                pause = _FIRST_PAUSE
            self._say(str(role), f"ended with status {status}; starting it again in {pause:.1f} s")
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _once(self, role: Role) -> int:
        process = await asyncio.create_subprocess_exec(
            *role.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environment,
            preexec_fn=partial(_before_exec, role),
            start_new_session=True,  # Ctrl-C reaches the supervisor alone; it stops the others in order
            limit=2**20,
        )
        self._processes[role] = process
        pid_file = self._run / f"{role}.pid"
        try:
            _write_atomically(pid_file, f"{process.pid}\n")
        except OSError as error:  # a full disk; the role runs all the same
            self._say(str(role), f"cannot write {pid_file}: {error.strerror}")
        try:
            assert process.stdout is not None
            async for line in _lines(process.stdout):
                self._say(str(role), line)
            return await process.wait()
        finally:
            pid_file.unlink(missing_ok=True)
            metrics_folder.add_up(self._run / "metrics", process.pid)


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    while True:
        try:
            line = await stream.readline()
        except ValueError:  # a line beyond the limit: it has been dropped
            continue
        if not line:
            return
        yield line.decode(errors="replace").rstrip()


def _write_atomically(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_text(text)
    draft.replace(path)


def python_role(name: str, slot: int, stage: int, *arguments: str, nice: int = 0) -> Role:
    """A role that is one of our own commands: `pingfold NAME --slot SLOT`."""
    command = (sys.executable, "-m", "pingfold", name, "--slot", str(slot), *arguments)
    return Role(name, slot, command, stage, nice)


def environment_for(settings: Settings, bootstrap: str, clickhouse: str) -> dict[str, str]:
    """What the roles inherit: our own environment, and the addresses of the servers."""
    return os.environ | {
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "CLICKHOUSE_URL": clickhouse,
        "PINGFOLD_DATA": str(settings.data.resolve()),
        "PROMETHEUS_MULTIPROC_DIR": str((settings.data / "run" / "metrics").resolve()),
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "2",
    }
