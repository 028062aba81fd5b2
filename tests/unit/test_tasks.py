"""Background tasks do not end in silence."""

import asyncio
import subprocess
import sys

import pytest

from infra.process.liveness import EXIT_FAULT
from infra.process.tasks import persistent, vital

_FAILS = """
import asyncio
from infra.process.tasks import vital

async def fail():
    await asyncio.sleep(0.1)
    raise ValueError("a defect")

async def wait_for_what_is_given_up():
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.1, future.cancel)
    await future

async def main():
    vital(WORK(), "watching the world")
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("work", "words"), [("fail", "a defect"), ("wait_for_what_is_given_up", "what it awaited was cancelled")]
)
def test_a_vital_task_that_fails_is_told_and_ends_its_process(work: str, words: str) -> None:
    code = _FAILS.replace("WORK", work)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60.0)
    assert done.returncode == EXIT_FAULT
    said = done.stdout + done.stderr
    assert "watching the world" in said
    assert words in said


async def test_a_vital_task_may_end_and_be_cancelled() -> None:
    async def end() -> None: ...

    async def wait() -> None:
        await asyncio.Event().wait()

    ends, waits = vital(end(), "ends"), vital(wait(), "waits")
    await ends
    waits.cancel()
    await asyncio.wait([waits])
    # Not even its first step was taken.
    vital(wait(), "begins").cancel()
    await asyncio.sleep(0)


async def test_a_persistent_task_that_fails_is_told_and_begun_anew() -> None:
    begun, said, done = 0, list[str](), asyncio.Event()

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun < 3:
            raise ValueError("a defect")
        if begun == 3:
            given_up = asyncio.get_running_loop().create_future()
            given_up.cancel()
            await given_up
        done.set()
        await asyncio.Event().wait()

    task = persistent(work, "the work", said.append)
    async with asyncio.timeout(30):
        await done.wait()
    assert said[:2] == ["the work failed (ValueError('a defect')); it is begun anew"] * 2
    assert "what it awaited was cancelled" in said[2]
    task.cancel()
    await asyncio.wait([task])
    assert (len(said), begun, task.cancelled()) == (3, 4, True)
