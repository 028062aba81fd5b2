"""Asks the process of the library. It is started when it is first needed, and ends by itself when it is idle.

Projects take turns (`infra.apprise_library.turns`) with calls of a few milliseconds each. A call that takes longer ends
the process, and with it nothing but itself: whoever was next gets a new one. An answer may be asked for again, since
the library does nothing but say what to send.
"""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process

import msgspec
import structlog

from infra.apprise_library.messages import Call, Verdict, length_of, packed
from infra.apprise_library.turns import NoTurn, Turns
from infra.egress.resolver import ASKER
from infra.errors import InfraError

log = structlog.get_logger(__name__)

# For one call, and for a process that has just been started. What a call computes is limited much closer, by the
# system; these are for a process that does not get on at all.
_CALL_SECONDS = 15.0
_START_SECONDS = 40.0
# For the calls of others that come before.
TURN_SECONDS = 30.0
_LAST_WORDS = 2.0
_END_SECONDS = 5.0


class LibraryFailed(InfraError):
    """There is no verdict: the library took too long, or its process cannot be started.

    ours: the reason is none of the URL's: too much to do, or a process that failed.
    """

    def __init__(self, words: str, *, ours: bool) -> None:
        super().__init__(words)
        self.ours = ours


class AppriseLibrary:
    """To be used inside one event loop, and closed there. process: which is asked; None: the next call starts one.

    A call is of the project in `infra.egress.resolver.ASKER`; projects take turns.
    """

    def __init__(self) -> None:
        self._turns = Turns()
        self.process: Process | None = None
        self._decoder = msgspec.msgpack.Decoder(Verdict)
        self._calls: set[asyncio.Task[Verdict]] = set()
        self._closed = False

    async def ask(self, call: Call) -> Verdict:
        """What the library says. Raises `LibraryFailed`. Who is gone before their turn costs the others nothing."""
        project = ASKER.get()
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._turns.take(project)
        except TimeoutError:
            raise LibraryFailed("Apprise has too much to do: try again later", ours=True) from None
        except NoTurn as refused:
            raise LibraryFailed(str(refused), ours=True) from None
        if self._closed:
            self._turns.give_back(project, 0.0)
            raise LibraryFailed("Apprise is not asked any more", ours=True)
        # Whoever asks may be gone before the answer; what is read then is still the answer to this call.
        asked = asyncio.create_task(self._in_turn(project, call))
        self._calls.add(asked)
        asked.add_done_callback(self._done)
        return await asyncio.shield(asked)

    async def _in_turn(self, project: str, call: Call) -> Verdict:
        """Ask, and give the turn back. The start of a process is not the project's."""
        clock = asyncio.get_running_loop().time
        began = clock() if self.process is not None else None
        try:
            return await self._ask(call)
        finally:
            self._turns.give_back(project, 0.0 if began is None else clock() - began)

    def _done(self, asked: asyncio.Task[Verdict]) -> None:
        self._calls.discard(asked)
        if not asked.cancelled():
            asked.exception()  # whoever asked may have gone

    async def close(self) -> None:
        """End the process."""
        self._closed = True
        for asked in tuple(self._calls):
            asked.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
        await self._end()

    async def _ask(self, call: Call) -> Verdict:
        """In its turn."""
        for _ in range(2):
            started = self.process is None
            try:
                async with asyncio.timeout(_START_SECONDS if started else _CALL_SECONDS):
                    return await self._exchange(call)
            except TimeoutError:
                await self._end()
                break
            except (OSError, EOFError, ValueError, msgspec.DecodeError) as error:
                status = await self._end()
                if status == -signal.SIGPROF:
                    log.warning("apprise.ended", status=status, why="it computed for too long")
                    raise LibraryFailed("Apprise took too long over the URL or the message", ours=False) from None
                if started:
                    log.warning("apprise.ended", status=status, error=type(error).__name__)
                    break
                # It had nothing to do, and has just ended: the next one is asked.
            except asyncio.CancelledError:
                await self._end()
                raise
        raise LibraryFailed("Apprise does not answer, or cannot be started: it is tried again", ours=True)

    async def _exchange(self, call: Call) -> Verdict:
        process = self.process
        if process is None or process.returncode is not None:
            process = self.process = await _started()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(packed(call))
        await process.stdin.drain()
        length = length_of(await process.stdout.readexactly(4))
        return self._decoder.decode(await process.stdout.readexactly(length))

    async def _end(self) -> int | None:
        """End the process; how it ended, when there was one."""
        process, self.process = self.process, None
        if process is None:
            return None
        with contextlib.suppress(TimeoutError):
            # One that has ended by itself is about to say how.
            async with asyncio.timeout(_LAST_WORDS if process.stdout and process.stdout.at_eof() else 0):
                return await process.wait()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_SECONDS):
                return await process.wait()
        return None


async def _started() -> Process:
    """A process that finds our packages and those that are installed, and is told nothing else of where it runs."""
    path = os.pathsep.join(one or os.getcwd() for one in sys.path)
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "infra.apprise_library.child"),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        env={"PYTHONPATH": path, "HOME": "/nonexistent", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
        # Sets of rooms keep their order from one process to the next: answers go by the order of requests.
        | {"PYTHONHASHSEED": "0"},
        start_new_session=True,
    )
