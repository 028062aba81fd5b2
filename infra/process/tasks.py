"""Background tasks that nobody awaits: an exception is logged, and ends the process (`vital`) or restarts the task.

Without this, a task that fails would end silently, and its work would no longer be done. A cancellation counts as one
only if somebody has cancelled the task itself: what it awaits may be cancelled by others, such as the future of a
producer that is given up, and that is a failure like any other.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from infra.errors import InfraError
from infra.process.liveness import EXIT_FAULT, end_process

log = structlog.get_logger(__name__)

_AGAIN_SECONDS = 1.0


def vital(work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
    """A task without which the process must not go on: an exception ends the process, to be started again."""
    task = begun(work, name)
    task.add_done_callback(_look)
    return task


def begun(work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
    """A task in which a cancellation counts only if it was asked for; another one is raised as an error."""
    task = asyncio.create_task(_asked_for(work), name=name)
    # One that is cancelled before its first step has not begun the work, which nobody else would end.
    task.add_done_callback(lambda _: work.close())
    return task


class _AwaitedWasCancelled(InfraError):
    """What a task awaited was cancelled, and not the task."""


async def _asked_for(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except asyncio.CancelledError as error:
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise
        raise _AwaitedWasCancelled("what it awaited was cancelled") from error


def _look(task: "asyncio.Task[None]") -> None:
    if task.cancelled() or (error := task.exception()) is None:
        return
    log.error("process.task_failed", task=task.get_name(), exc_info=error)
    end_process(EXIT_FAULT, "process.failed", task=task.get_name(), error=str(error) or type(error).__name__)


def persistent(
    begin: Callable[[], Coroutine[Any, Any, None]], name: str, failed: Callable[[str], None] = lambda why: None
) -> "asyncio.Task[None]":
    """A task that runs what `begin` makes; when that raises, it is told (`failed` gets one line) and begun anew."""

    async def run() -> None:
        while True:
            try:
                return await _asked_for(begin())
            except Exception as error:
                log.exception("task.begun_anew", task=name)
                failed(f"{name} failed ({error!r}); it is begun anew")
                await asyncio.sleep(_AGAIN_SECONDS)

    return asyncio.create_task(run(), name=name)
