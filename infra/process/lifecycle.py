"""The life of a role's process: stop signals, the liveness watchdog, and an end that nothing can hold up.

SIGTERM and SIGINT are blocked in every thread and taken by a thread of their own, so that they are heeded even when the
event loop, or the main thread, does not come back. From the signal on the process has `STOP_SECONDS`: it stops in good
order, or it ends without. It always ends by `os._exit`: Python would wait for threads, and Kafka clients for brokers,
that may never come back. Whatever was not finished is made up by the next process; nothing relies on a clean end.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, NoReturn

import structlog
import uvloop

from infra.process.liveness import EXIT_FAULT, LIVENESS, Check, end_process
from infra.process.tasks import vital

log = structlog.get_logger(__name__)

STOP_SECONDS = 8.0
# Exit status of a process that could not stop in good order.
EXIT_NOT_STOPPED = 75
# A fold refuses so much of what it reads that the fault must be its own.
EXIT_DEFECTIVE = 79

_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})
_BEAT_SECONDS = 0.5

# A role: serves until the event is set.
Role = Callable[["Stop"], Coroutine[Any, Any, None]]


def end_with_parent() -> None:
    """To be called in a new process before it runs its program: it gets SIGTERM when its parent ends, however that ends
    (Linux; elsewhere this does nothing)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class Stop(asyncio.Event):
    """Set by SIGTERM and SIGINT. A role that has not called `started` by then is cancelled, wherever it waits."""

    def __init__(self) -> None:
        super().__init__()
        self.is_started = False

    def started(self) -> None:
        """From now on the role looks at this event itself."""
        self.is_started = True


def on_stop_signal(stop: Callable[[], None], seconds: float = STOP_SECONDS) -> None:
    """Call `stop` in a thread at the first SIGTERM or SIGINT; `seconds` later the process ends in any case.

    To be called in the main thread, before any thread is started that might take the signal.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)

    def wait() -> None:
        signal.sigwait(_SIGNALS)
        deadline = threading.Timer(seconds, end_process, (EXIT_NOT_STOPPED, "process.not_stopped"))
        deadline.daemon = True
        deadline.start()
        stop()

    threading.Thread(target=wait, name="signals", daemon=True).start()


def stop_in_loop(
    loop: asyncio.AbstractEventLoop,
    stop: Callable[[], None],
    file: Path,
    is_begun: Callable[[], bool] = lambda: True,
    seconds: float = STOP_SECONDS,
) -> None:
    """The same with `stop` called in an event loop. A process that has not begun anything yet ends at once; `file` is
    its progress file."""

    def soon() -> None:
        if not is_begun():
            leave(0, file)
        with contextlib.suppress(RuntimeError):  # the loop has just closed
            loop.call_soon_threadsafe(stop)

    on_stop_signal(soon, seconds)


def progress_file(data: Path, role: str) -> Path:
    """Where the role `ROLE-SLOT` publishes its progress."""
    return data / "run" / f"{role}.progress"


async def keep_beating() -> None:
    """The event loop's own activity."""
    activity = LIVENESS.activity("event loop")
    while True:
        activity.beat()
        await asyncio.sleep(_BEAT_SECONDS)


def run_role(
    name: str, data: Path, role: Role, checks: Mapping[str, Check], plain: tuple[type[BaseException], ...] = ()
) -> NoReturn:
    """Run a role on an event loop of its own until SIGTERM or SIGINT; ends the process.

    checks: the servers that its activities may wait for, by the names that they use. plain: faults that say themselves
    what is wrong, as those that the operator can mend; they are told in one line, without a traceback, and the status
    is 1.
    """
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    stop = Stop()
    work: asyncio.Task[None] | None = None

    def heed() -> None:
        stop.set()
        if work is not None and not stop.is_started:
            work.cancel()

    file = progress_file(data, name)
    stop_in_loop(loop, heed, file)
    LIVENESS.watch(file, name, checks)

    async def main() -> None:
        nonlocal work
        beating = vital(keep_beating(), name="beating")
        work = asyncio.create_task(role(stop), name=name)
        if stop.is_set():
            work.cancel()
        try:
            await work
        except asyncio.CancelledError:
            if not stop.is_set():
                raise
        finally:
            beating.cancel()

    status = 0
    try:
        loop.run_until_complete(main())
    except plain as error:
        status = 1
        log.error("process.failed", error=str(error))
    except BaseException as error:
        status = EXIT_FAULT
        log.critical("process.failed", error=str(error) or type(error).__name__, exc_info=error)
    leave(status, file)


def leave(status: int, file: Path) -> NoReturn:
    """End the process without waiting for anything."""
    with contextlib.suppress(OSError):
        file.unlink(missing_ok=True)
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)
