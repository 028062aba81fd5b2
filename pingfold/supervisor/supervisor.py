"""The supervisor: starts every role of one machine in order, restarts what dies or hangs, stops all of it cleanly.

Order: Kafka and ClickHouse (unless settings name existing ones), topics and tables, the default project's credentials,
then workers, ticker, writer and web. Each role's process id stands in `data/run/ROLE-SLOT.pid`; each of its lines is
prefixed with its name. A role that dies is started again after a pause that grows from 0.2 s to 10 s, or when `hurry`
says that what kept it from running is over.

A role that makes no progress for `STALL_SECONDS` is replaced: one of ours by the progress that it publishes
(`infra/process/liveness.py`), a server by the answers to a bounded question. Until the first sign of it a role has
minutes: on a busy machine the programs alone take long to load, and a server may recover what it keeps.

What the supervisor knows of all roles stands in `data/run/supervisor.json`, which moves once a second.
"""

import asyncio
import contextlib
import itertools
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial

from infra.process.lifecycle import end_with_parent, progress_file
from infra.process.liveness import STALL_SECONDS, publish
from infra.process.process_identity import process_identity
from infra.process.tasks import persistent
from infra.process.whole_files import replace_file
from infra.settings.settings import Settings
from pingfold import metrics_folder
from pingfold.supervisor.environments import environment_of
from pingfold.supervisor.lines import Problem
from pingfold.supervisor.progress_checks import PublishedProgress, ServerAnswers
from pingfold.supervisor.server_output import ServerOutput

Say = Callable[[str, str], None]

# All of a stop, and what of it is left to the servers at the end.
STOP_SECONDS = 8.5
_SERVERS_SECONDS = 3.0
# Later stages are given so much of it before the next stage is told to stop beside them.
_STAGE_SECONDS = 3.0
# A role that hangs is asked to end, and killed after this.
_REPLACE_SECONDS = 3.0
_KILLED_SECONDS = 0.5
# Until its first sign of progress. A server may have to recover what it keeps before it answers.
_STARTING_SECONDS, _SERVER_STARTING_SECONDS = 120.0, 1_800.0
_LOOK_SECONDS = 1.0
_END_LOOK_SECONDS = 0.02
_STANDSTILL_SECONDS = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
# A role that ran for so long is taken to be well: its next pause is the first one again.
_WELL_SECONDS = 30.0


@dataclass(frozen=True)
class Role:
    """A process to keep running.

    stage: stages stop in falling order, all of one stage at once.
    nice: how much it yields to the others when the processors are busy, as nice(1) counts.
    answers: for a server, whether it answers a question, which must be bounded and may block; None: one of our own
    roles, which publishes its progress.
    where: the address of a server. why: what a server's own log says is wrong with it, and where that log is.
    """

    name: str
    slot: int
    command: tuple[str, ...]
    stage: int
    nice: int = 0
    answers: Callable[[], bool] | None = None
    where: str = ""
    why: Callable[[], str] | None = None

    def __str__(self) -> str:
        return f"{self.name}-{self.slot}"


# History can wait; whoever sends a ping cannot.
PATIENT = 10


def _before_exec(role: Role) -> None:
    """A role never outlives its supervisor, even one that was killed (Linux; elsewhere this does nothing)."""
    end_with_parent()
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # the supervisor's own threads block stop signals
    os.nice(role.nice)


@dataclass
class _Kept:
    """What is known of a role that is kept running."""

    process: asyncio.subprocess.Process | None = None
    starts: int = 0
    deaths: int = 0
    replaced: int = 0
    ended: str | None = None  # how it ended last
    output: ServerOutput | None = None  # of a server
    began: float = 0.0  # the process that runs now; monotonic
    birth: str | None = None


class Supervisor:
    """Keeps roles running.

    say: takes what is told of a role; pass_on: the lines that it writes itself. Neither may block.
    """

    def __init__(self, settings: Settings, environment: dict[str, str], say: Say, pass_on: Say | None = None) -> None:
        self._run = settings.data / "run"
        self._environment = environment
        self._say, self._pass_on = say, pass_on or say
        self._keepers: dict[Role, asyncio.Task[None]] = {}
        self._kept: dict[Role, _Kept] = {}
        self._stopping: set[Role] = set()
        self._problems: dict[str, str] = {}
        self._told = asyncio.Event()  # something has changed that is worth publishing at once
        self._hurried = asyncio.Event()  # another one after each hurry

    def clear(self) -> None:
        """Remove what a killed run has left behind: stale process ids and metrics."""
        shutil.rmtree(self._run, ignore_errors=True)
        self._run.mkdir(parents=True, exist_ok=True)
        metrics_folder.make(self._run / "metrics")

    def keep(self, role: Role) -> None:
        """Start a role and keep it running."""
        output = ServerOutput(self._run / f"{role}.out") if role.answers else None
        self._kept[role] = _Kept(output=output)
        self._keepers[role] = asyncio.create_task(self._keep(role), name=str(role))

    def hurry(self) -> None:
        """What has kept roles from running is over: those that wait to be started again are started now.

        One that is just dying of it is started again soon, too.
        """
        self._hurried.set()
        self._hurried = asyncio.Event()

    async def publish(self) -> None:
        """Keep `data/run/supervisor.json` current, for ever: for `/readyz` and `/metrics`."""
        birth = process_identity(os.getpid())
        for turn in itertools.count():
            report = {
                "pid": os.getpid(),
                "birth": birth,
                "counter": turn,
                "roles": {
                    str(role): {
                        "pid": self.process_id(role),
                        "restarts": max(0, kept.starts - 1),
                        "replaced": kept.replaced,
                        "ended": kept.ended,
                        "birth": kept.birth,
                        "seconds": self._seconds(role),
                        "publishes": role.answers is None,
                    }
                    for role, kept in self._kept.items()
                },
                "problems": self._problems,
            }
            self._told.clear()
            with contextlib.suppress(OSError):
                publish(self._run / "supervisor.json", report)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._told.wait()

    def tell(self, part: str, problem: str | None) -> None:
        """Have `/readyz` tell what is not well with a part that is no role; None: nothing any more."""
        if problem is None:
            self._problems.pop(part, None)
        else:
            self._problems[part] = problem
        self._told.set()

    def process_id(self, role: Role) -> int | None:
        """The process id of a role that runs now."""
        process = self._kept[role].process if role in self._kept else None
        return None if process is None or process.returncode is not None else process.pid

    def _seconds(self, role: Role) -> float | None:
        """For how long the process of a role has been running."""
        running = self.process_id(role) is not None
        return round(time.monotonic() - self._kept[role].began, 1) if running else None

    def deaths(self, role: Role) -> int:
        """How often a role has ended since it was first started."""
        return self._kept[role].deaths

    def why(self, role: Role) -> str:
        """What is known of why a server has ended, and where more stands."""
        output, said = self._kept[role].output, ""
        if output is not None and output.last:
            said = f"it said: {output.last}; see {output.file}"
        return "; ".join(filter(None, (role.why() if role.why else "", said)))

    async def stop(self) -> None:
        """Stop everything within `STOP_SECONDS`, later stages first; what does not stop in time is killed."""
        deadline = time.monotonic() + STOP_SECONDS
        stages = sorted({role.stage for role in self._keepers}, reverse=True)
        self._stopping.update(self._keepers)
        ending: list[asyncio.Task[None]] = []
        for stage in stages:
            # The servers end last of all: the others still tell them what they have.
            until = deadline - (0 if stage == 0 else _SERVERS_SECONDS / 2)
            stopping = [
                asyncio.create_task(self._stop(role, until), name=f"stop {role}")
                for role in self._keepers
                if role.stage == stage
            ]
            ending += stopping
            patience = _STAGE_SECONDS if stage > 1 else max(0.0, deadline - _SERVERS_SECONDS - time.monotonic())
            if stopping:
                await asyncio.wait(ending, timeout=patience)
        await asyncio.gather(*ending)

    async def _stop(self, role: Role, deadline: float) -> None:
        process = self._kept[role].process
        keeper = self._keepers[role]
        if process is not None and process.returncode is None:
            await self._end(role, process, max(0.1, deadline - time.monotonic()))
        # It ends by itself when it has read what the process said last.
        await asyncio.wait([keeper], timeout=_KILLED_SECONDS if process is not None else 0.0)
        keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeper

    async def _end(self, role: Role, process: asyncio.subprocess.Process, patience: float) -> None:
        """Ask a process to end; kill it when it does not."""
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(patience):
                await _ended(process)
        except TimeoutError:
            self._say(str(role), Problem("does not stop: killed"))
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_KILLED_SECONDS):
                    await _ended(process)

    async def _keep(self, role: Role) -> None:
        pause = _FIRST_PAUSE
        while True:
            began, hurried = time.monotonic(), self._hurried
            try:
                how = f"ended with status {await self._once(role)}"
            except Exception as error:  # no process, no memory, no room on the disk: for now
                how = f"cannot be kept running ({error})"
            self._kept[role].ended = how
            self._kept[role].deaths += 1
            self._told.set()
            if role in self._stopping:
                self._say(str(role), "stopped")
                return
            if time.monotonic() - began > _WELL_SECONDS or hurried.is_set():
                pause = _FIRST_PAUSE
            why = self.why(role)
            again = f"starting it again in {pause:.1f} s"
            self._say(str(role), Problem(f"{how}{f' ({why})' if why else ''}; {again}"))
            try:
                async with asyncio.timeout(pause):
                    await self._hurried.wait()
                pause = _FIRST_PAUSE
            except TimeoutError:
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def _once(self, role: Role) -> int:
        process = await asyncio.create_subprocess_exec(
            *role.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment_of(role.name, self._environment),
            preexec_fn=partial(_before_exec, role),
            start_new_session=True,  # Ctrl-C reaches the supervisor alone; it stops the others in order
            limit=2**20,
        )
        kept = self._kept[role]
        kept.process = process
        kept.starts += 1
        kept.began, kept.birth = time.monotonic(), process_identity(process.pid)
        self._told.set()
        pid_file = self._run / f"{role}.pid"
        watching = persistent(
            lambda: self._watch(role, process),
            f"the watch over {role}",
            lambda why: self._say("pingfold", Problem(why)),
        )
        try:
            self._say(str(role), f"starting{f' on {role.where}' if role.where else ''}, process {process.pid}")
            with contextlib.suppress(OSError):  # a full disk: the role runs all the same
                pid_file.parent.mkdir(parents=True, exist_ok=True)
                replace_file(pid_file, f"{process.pid}\n")
            await self._hear(role, process)
            return await process.wait()
        finally:
            watching.cancel()
            if process.returncode is None:  # and no second one beside it
                with contextlib.suppress(ProcessLookupError, TimeoutError):
                    process.kill()
                    async with asyncio.timeout(_REPLACE_SECONDS):
                        await _ended(process)
            # A child that it leaves behind may hold its pipe open.
            process._transport.close()  # type: ignore[attr-defined]
            with contextlib.suppress(OSError):
                pid_file.unlink(missing_ok=True)
                progress_file(self._run.parent, str(role)).unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                metrics_folder.add_up(self._run / "metrics", process.pid)

    async def _hear(self, role: Role, process: asyncio.subprocess.Process) -> None:
        """Hand on the lines of a process until it has ended, whoever else has its pipe."""
        assert process.stdout is not None
        telling = asyncio.create_task(self._tell_lines(role, process.stdout), name=f"lines of {role}")
        try:
            while not telling.done():
                ended = process.returncode is not None
                await asyncio.wait({telling}, timeout=_LOOK_SECONDS)
                if ended:
                    break
            if telling.done():
                telling.result()
        finally:
            telling.cancel()

    async def _tell_lines(self, role: Role, stream: asyncio.StreamReader) -> None:
        output = self._kept[role].output
        async for line in _lines(stream):
            if output is not None:
                output.take(line)
            self._pass_on(str(role), line)

    async def _watch(self, role: Role, process: asyncio.subprocess.Process) -> None:
        """End the process when it has made no progress for too long; its keeper starts it again."""
        sign = (
            ServerAnswers(role.answers)
            if role.answers
            else PublishedProgress(progress_file(self._run.parent, str(role)))
        )
        looked = moved = time.monotonic()
        limit, began, is_up = _SERVER_STARTING_SECONDS if role.answers else _STARTING_SECONDS, looked, False
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            now = time.monotonic()
            if now - looked > _STANDSTILL_SECONDS:  # we ourselves stood still: what they did meanwhile is not known
                moved = now
            looked = now
            if await sign.moved():
                moved, limit = time.monotonic(), STALL_SECONDS
                if not is_up:
                    is_up = True
                    self._say(str(role), f"{'answers' if role.answers else 'runs'} after {moved - began:.1f} s")
            elif now - moved >= limit:
                break
            looked = time.monotonic()
        self._kept[role].replaced += 1
        self._say(str(role), Problem(f"made no progress for {now - moved:.0f} s{sign.why()}: replaced"))
        await self._end(role, process, _REPLACE_SECONDS)


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Until a process has ended; its own `wait` waits for whoever has its pipe, too."""
    while process.returncode is None:  # noqa: ASYNC110  (nothing else tells it)
        await asyncio.sleep(_END_LOOK_SECONDS)


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    while True:
        try:
            line = await stream.readline()
        except ValueError:  # a line beyond the limit: it has been dropped
            continue
        if not line:
            return
        yield line.decode(errors="replace").rstrip()


def python_role(name: str, slot: int, stage: int, *arguments: str, nice: int = 0) -> Role:
    """A role that is one of our own commands: `pingfold NAME --slot SLOT`."""
    command = (sys.executable, "-m", "pingfold", name, "--slot", str(slot), *arguments)
    return Role(name, slot, command, stage, nice)
