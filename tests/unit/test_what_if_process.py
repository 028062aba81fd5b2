"""The process that answers a question for a web process: its bounds, how it ends, and what is said when it does."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from infra.http_server.bounds import Bounds
from pingfold.what_if import process
from pingfold.what_if.process import QuestionProcess
from query_api.what_if.port import NoAnswer
from schemas.what_if.questions import Question
from tests.harness import POP_KEY, Harness
from tests.http_client import HttpServer, answer_of, wait_until
from tests.poppaping_client import V1, made, with_key

QUESTION = Question(project="p", chosen=(), changes=(), since=0, until=1, short=1)
ANSWER = b'{"answer":{"events":5}}'
SLOW = "import sys, time; sys.stdin.buffer.read(); time.sleep(60)"

Started = list[Process]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Started]:
    """Have another program answer in the place of the child; tells the processes that it begins."""

    def program(source: str) -> Started:
        begun: Started = []

        async def start() -> Process:
            begun.append(
                await asyncio.create_subprocess_exec(sys.executable, "-c", source, stdin=PIPE, stdout=PIPE, stderr=PIPE)
            )
            return begun[-1]

        monkeypatch.setattr(process, "_started", start)
        return begun

    return program


def saying(answer: bytes = ANSWER, more: str = "pass") -> str:
    return f"import sys, os, signal; sys.stdin.buffer.read(); {more}; sys.stdout.buffer.write({answer!r})"


async def test_one_question_at_a_time_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_TURN_SECONDS", 0.0)
    asked, begun, done = QuestionProcess(), asyncio.Event(), asyncio.Event()

    async def slowly(_question: Question) -> bytes:
        begun.set()
        await done.wait()
        return b"{}"

    monkeypatch.setattr(asked, "_ask", slowly)
    first = asyncio.create_task(asked.ask(QUESTION))
    await begun.wait()
    with pytest.raises(NoAnswer, match="Another question") as busy:
        await asked.ask(QUESTION)
    assert busy.value.retry_after == 10
    done.set()
    assert await first == b"{}"
    assert await asked.ask(QUESTION) == b"{}"


async def test_what_it_answers_is_handed_on_as_it_is(run: Callable[[str], Started]) -> None:
    run(saying())
    assert await QuestionProcess().ask(QUESTION) == b'{"events":5}'


async def test_a_process_that_takes_too_long_is_ended(
    monkeypatch: pytest.MonkeyPatch, run: Callable[[str], Started]
) -> None:
    monkeypatch.setattr(process, "_WITHIN_SECONDS", 0)
    started = run(SLOW)
    with pytest.raises(NoAnswer, match="takes longer than 0 s") as late:
        await QuestionProcess().ask(QUESTION)
    assert late.value.retry_after is None
    assert started[0].returncode is not None


async def test_a_process_that_fails_is_no_answer_and_its_words_are_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINGFOLD_DATA", "")
    monkeypatch.setenv("PINGFOLD_PORT", "none")  # the settings cannot be read there
    with capture_logs() as logged, pytest.raises(NoAnswer, match="could not be answered") as failed:
        await QuestionProcess().ask(QUESTION)
    assert failed.value.retry_after == 60
    [said] = [one for one in logged if one["event"] == "what_if.failed"]
    assert said["status"] == 1
    assert "ValidationError" in said["said"]


async def test_of_what_it_says_only_the_end_is_kept(run: Callable[[str], Started]) -> None:
    run(saying(more="sys.stderr.write('x' * 3_000_000 + 'the end'); sys.stderr.flush()"))
    with capture_logs() as logged:
        assert await QuestionProcess().ask(QUESTION) == b'{"events":5}'
    [said] = [one["said"] for one in logged if one["event"] == "what_if.said"]
    assert len(said) == process.MOST_SAID
    assert said.endswith("xthe end")


@pytest.mark.parametrize(("again", "wait"), [(b"", None), (b',"again":true', 5)])
async def test_what_it_refuses_is_told_and_whether_to_come_again(
    run: Callable[[str], Started], again: bytes, wait: int | None
) -> None:
    run(saying(b'{"refused":"no"' + again + b"}"))
    with pytest.raises(NoAnswer, match=r"^no$") as refused:
        await QuestionProcess().ask(QUESTION)
    assert refused.value.retry_after == wait


@pytest.mark.parametrize("name", ["SIGKILL", "SIGABRT"])
async def test_a_process_that_is_killed_is_told_with_what_to_do(run: Callable[[str], Started], name: str) -> None:
    run(saying(more=f"os.kill(os.getpid(), signal.{name})"))
    with pytest.raises(NoAnswer, match=f"was ended .{name}., maybe because memory is short") as killed:
        await QuestionProcess().ask(QUESTION)
    assert killed.value.retry_after == 60


async def test_more_memory_than_allowed_is_an_answer_and_no_harm(run: Callable[[str], Started]) -> None:
    """The real child, whose folding wants twice what it may have."""
    run(
        "from pingfold.what_if import child; child.Settings = child.kafka_of = child.KafkaLog = __import__("
        "'unittest.mock').mock.MagicMock(); child.answer_to = lambda *_: bytearray(child.MOST_MEMORY * 2); "
        "child.main()"
    )
    with pytest.raises(NoAnswer, match="more than 1024 MiB of memory: ask about fewer things") as refused:
        await QuestionProcess().ask(QUESTION)
    assert refused.value.retry_after is None


async def test_a_question_that_is_cancelled_ends_its_process_and_lets_the_next_one_in(
    run: Callable[[str], Started],
) -> None:
    started, asked = run(SLOW), QuestionProcess()
    first = asyncio.create_task(asked.ask(QUESTION))
    while not started:
        await asyncio.sleep(0.01)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert started[0].returncode == -9
    run(saying())
    assert await asked.ask(QUESTION) == b'{"events":5}'


def test_a_client_that_goes_away_ends_its_process(run: Callable[[str], Started]) -> None:
    """Over a real connection, which is closed while the question is being answered."""
    harness, body = with_key(Harness()), b'{"thing":"project"}'
    asyncio.run(made(harness))
    harness.questions.process = QuestionProcess()
    fields = f"Host: x\r\nAuthorization: Bearer {POP_KEY}\r\nContent-Length: {len(body)}"
    head = f"POST {V1}/what-if HTTP/1.1\r\n{fields}\r\n\r\n"
    with HttpServer(harness.app, Bounds()._replace(half_closed=0.2)) as server:
        started = run(SLOW)
        client = server.connect()
        client.sendall(head.encode() + body)
        wait_until(lambda: started)
        client.close()
        wait_until(lambda: started[0].returncode is not None, 30.0)
        run(saying())
        client = server.connect()
        client.sendall(head.encode() + body)
        assert answer_of(client).endswith(b'{"data":{"events":5}}')
