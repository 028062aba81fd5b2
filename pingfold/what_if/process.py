"""Answers the questions of a web process, each in a process of its own.

Folding a million events takes seconds of a core: in the web process it would hold up pings. So it is done in a child
that gives way to all else; one question at a time, and each within `_WITHIN_SECONDS` and for at most `MOST_EVENTS`.
Whoever asks meanwhile waits a moment, and is told to come again. When the request is cancelled, so is the child; that
a client has gone away cancels no request, and the child then goes on for those seconds at most.
"""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process

import msgspec
import structlog

from pingfold.what_if.messages import Answered, Asked
from query_api.what_if.port import NoAnswer
from schemas.what_if.answers import Answer
from schemas.what_if.questions import Question

log = structlog.get_logger(__name__)

MOST_EVENTS = 3_000_000
_WITHIN_SECONDS, _TURN_SECONDS = 60, 5.0
_END_SECONDS = 5.0

_decode = msgspec.json.Decoder(Answered).decode


class QuestionProcess:
    """To be used inside one event loop. The processes find Kafka as this one does."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    async def ask(self, question: Question) -> Answer:
        """The answer. Raises `NoAnswer`."""
        try:
            async with asyncio.timeout(_TURN_SECONDS):
                await self._turn.acquire()
        except TimeoutError:
            raise NoAnswer("Another question is being answered", 10) from None
        try:
            return await self._ask(question)
        finally:
            self._turn.release()

    async def _ask(self, question: Question) -> Answer:
        asked = msgspec.json.encode(Asked(question, MOST_EVENTS, _WITHIN_SECONDS + 5))
        process = await _started()
        try:
            async with asyncio.timeout(_WITHIN_SECONDS):
                told, _ = await process.communicate(asked)
        except TimeoutError:
            raise NoAnswer(
                f"It takes longer than {_WITHIN_SECONDS} s: ask about fewer things, or with `pingfold what-if` on the "
                "machine"
            ) from None
        finally:
            await _end(process)
        try:
            answered = _decode(told)
        except msgspec.DecodeError:
            log.error("what_if.failed", status=process.returncode)
            raise NoAnswer("The question could not be answered; the log of the web process says more", 60) from None
        if answered.answer is None:
            raise NoAnswer(answered.refused, 5 if answered.again else None)
        return answered.answer


async def _started() -> Process:
    path = os.pathsep.join(one or os.getcwd() for one in sys.path)
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pingfold.what_if.child"),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        env=os.environ | {"PYTHONPATH": path},
        start_new_session=True,
    )


async def _end(process: Process) -> None:
    """End the process, if it has not ended."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_END_SECONDS):
            await process.wait()
