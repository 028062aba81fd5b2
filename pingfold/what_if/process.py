"""Answers the questions of a web process, each in a process of its own.

Folding a million events takes seconds of a core: in the web process it would hold up pings. So it is done in a child
that gives way to all else, and whose answer is handed on as it is; one question at a time, and each within
`_WITHIN_SECONDS`, for at most `MOST_EVENTS` and in bounded memory. Whoever asks meanwhile waits a moment, and is told
to come again. When `ask` is cancelled, since its client has gone away, the child is killed, and the next may ask.

What a child says on standard error is logged, its end only.
"""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process

import msgspec
import structlog

from pingfold.what_if.messages import Answered, Asked
from query_api.what_if.port import NoAnswer
from schemas.what_if.questions import Question

log = structlog.get_logger(__name__)

MOST_EVENTS = 3_000_000
_WITHIN_SECONDS, _TURN_SECONDS = 60, 5.0
_END_SECONDS = 5.0
# Bytes of what a child says on standard error that are logged.
MOST_SAID = 4_000
_AT_ONCE = 65_536

_decode = msgspec.json.Decoder(Answered).decode


class QuestionProcess:
    """To be used inside one event loop. The processes find Kafka as this one does."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    async def ask(self, question: Question) -> bytes:
        """The answer, as JSON. Raises `NoAnswer`."""
        try:
            async with asyncio.timeout(_TURN_SECONDS):
                await self._turn.acquire()
        except TimeoutError:
            raise NoAnswer("Another question is being answered", 10) from None
        try:
            return await self._ask(question)
        finally:
            self._turn.release()

    async def _ask(self, question: Question) -> bytes:
        asked = msgspec.json.encode(Asked(question, MOST_EVENTS, _WITHIN_SECONDS + 5))
        process = await _started()
        try:
            async with asyncio.timeout(_WITHIN_SECONDS):
                told, said = await _heard(process, asked)
        except TimeoutError:
            raise NoAnswer(
                f"It takes longer than {_WITHIN_SECONDS} s: ask about fewer things, or with `pingfold what-if` on the "
                "machine"
            ) from None
        finally:
            await _end(process)
        return _answer(told, said, process.returncode)


def _answer(told: bytes, said: bytes, status: int | None) -> bytes:
    words = said.decode(errors="replace").strip()
    try:
        answered = _decode(told)
    except msgspec.DecodeError:
        log.error("what_if.failed", status=status, said=words)
        if status is not None and status < 0:
            raise NoAnswer(
                f"The process that was to answer was ended ({signal.Signals(-status).name}), maybe because memory is "
                "short: ask about fewer things, or with `pingfold what-if` on the machine",
                60,
            ) from None
        raise NoAnswer("The question could not be answered; the log of the web process says more", 60) from None
    if words:
        log.warning("what_if.said", said=words)
    if not answered.answer:
        raise NoAnswer(answered.refused, 5 if answered.again else None)
    return bytes(answered.answer)


async def _started() -> Process:
    path = os.pathsep.join(one or os.getcwd() for one in sys.path)
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pingfold.what_if.child"),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=os.environ | {"PYTHONPATH": path},
        start_new_session=True,
    )


async def _heard(process: Process, asked: bytes) -> tuple[bytes, bytes]:
    """What it answers, and the end of what it says on standard error."""
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    told, said, _ = await asyncio.gather(process.stdout.read(), _tail(process.stderr), _put(process.stdin, asked))
    await process.wait()
    return told, said


async def _put(stream: asyncio.StreamWriter, asked: bytes) -> None:
    with contextlib.suppress(ConnectionError):  # it has ended: its status says why
        stream.write(asked)
        await stream.drain()
    stream.close()


async def _tail(stream: asyncio.StreamReader) -> bytes:
    said = b""
    while more := await stream.read(_AT_ONCE):
        said = (said + more)[-MOST_SAID:]
    return said


async def _end(process: Process) -> None:
    """End the process, if it has not ended."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_END_SECONDS):
            await process.wait()
