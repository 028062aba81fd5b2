"""Lines that come again and again: the first is written, and then one every so often, with how many were left out."""

import logging
import subprocess
import sys
import threading
from typing import Any

import pytest
import structlog

from infra.process.logs import WithoutRepeats, WithoutRepeatsOfLibraries
from infra.process.repeats import REPEAT_SECONDS, Repeats


class Moving:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Log:
    """What is written of the lines that the code of a process logs."""

    def __init__(self) -> None:
        self.clock, self.written = Moving(), list[dict[str, Any]]()
        self.processor = WithoutRepeats(Repeats(clock=self.clock))

    def say(self, **event: Any) -> None:
        try:
            self.written.append(dict(self.processor(None, "", dict(event))))
        except structlog.DropEvent:
            return


def test_the_same_is_said_once_and_then_with_how_often_it_was_left_out() -> None:
    log, line = Log(), {"event": "ticker.not_stored", "error": "no report"}
    for _ in range(241):
        log.say(**line)
        log.clock.now += 0.25
    assert log.written == [line, {**line, "left_out": 119}, {**line, "left_out": 119}]


def test_what_differs_in_any_value_is_never_left_out() -> None:
    log = Log()
    for number in range(50):
        log.say(event="fold.parked", thing=number)
    assert [one["thing"] for one in log.written] == list(range(50))


def test_failures_are_told_apart_by_what_failed() -> None:
    log = Log()
    for error in (ValueError("a"), ValueError("b"), KeyError("a"), ValueError("a")):
        try:
            raise error
        except Exception:
            log.say(event="ping.failed", exc_info=True)
    assert len(log.written) == 3


def test_lines_of_libraries_are_told_apart_by_their_text_not_by_what_is_put_into_it() -> None:
    clock = Moving()
    lines = WithoutRepeatsOfLibraries(Repeats(clock=clock))

    def record(text: str, *values: object) -> logging.LogRecord:
        return logging.LogRecord("aiokafka", logging.ERROR, "", 0, text, values, None)

    assert lines.filter(record("Unable to connect to %s", 1))
    assert not any(lines.filter(record("Unable to connect to %s", port)) for port in range(60))
    assert lines.filter(record("Group coordinator lost"))
    clock.now += REPEAT_SECONDS
    again = record("Unable to connect to %s", 2)
    assert lines.filter(again)
    assert again.__dict__["left_out"] == 60


def test_failures_in_lines_of_libraries_are_told_apart_by_what_failed() -> None:
    lines = WithoutRepeatsOfLibraries(Repeats(clock=Moving()))

    def raised(error: Exception) -> logging.LogRecord:
        info = (type(error), error, None)
        return logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, "Exception in ASGI application\n", (), info)

    def told(error: Exception) -> logging.LogRecord:
        return logging.LogRecord("aiokafka", logging.ERROR, "", 0, "Request failed: %s", (error,), None)

    for record in (raised, told):
        assert lines.filter(record(ValueError("a")))
        assert not lines.filter(record(ValueError("a")))
        assert lines.filter(record(ValueError("b")))


def test_a_line_that_is_written_while_another_is_looked_at_waits_for_nothing() -> None:
    """A collection may begin there, and a finalizer of asyncio writes to the log."""

    def clock() -> float:
        if not begun:
            begun.append(True)
            within.append(repeats.admit("of a finalizer"))
        return 100.0

    begun: list[bool] = []
    within: list[int | None] = []
    repeats = Repeats(clock=clock)
    looking = threading.Thread(target=repeats.admit, args=("a line",), daemon=True)
    looking.start()
    looking.join(10)
    assert not looking.is_alive()
    assert within == [0]


def test_a_log_remembers_the_kinds_of_lines_in_bounds() -> None:
    clock = Moving()
    repeats = Repeats(clock=clock)
    for kind in range(1_001):
        assert repeats.admit(kind) == 0
    assert repeats.admit(1_000) is None
    assert repeats.admit(0) == 0, "the one that was written longest ago is forgotten"


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_failure_is_told_without_the_values_of_variables(form: str) -> None:
    source = f"""
import structlog
from infra.process.logs import configure
configure("worker", {form!r})

def send(secret: str) -> None:
    raise ValueError("no")

try:
    send("".join(reversed("NEDDIH")))
except ValueError:
    structlog.get_logger().exception("it failed")
"""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=120)
    assert "it failed" in done.stderr
    assert "ValueError: no" in done.stderr
    assert "HIDDEN" not in done.stderr
