"""The one clock: no other module reads the time of day, and what the clocks of a process tell."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.clock import CLOCK_FILE, OffsetClock, SystemClock, clock_of
from infra.settings.settings import Settings
from schemas.base import SECOND
from tests.source_tree import PACKAGES, modules, top

# What tells the time of day; timers (`monotonic`, `perf_counter`, the event loop's) do not.
_OF_TIME = {"time", "time_ns", "gmtime", "localtime", "ctime"}
_OF_DATES = {"now", "utcnow", "today"}


def readings(tree: ast.Module) -> Iterator[str]:
    """Where a module asks the machine for the time of day."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="time"), attr=attr) if attr in _OF_TIME - {"gmtime", "localtime"}:
                yield f"line {node.lineno}: time.{attr}"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="time"), attr=attr), args=[]) if attr in _OF_TIME:
                yield f"line {node.lineno}: time.{attr}()"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="datetime" | "date"), attr=attr)) if attr in _OF_DATES:
                yield f"line {node.lineno}: {attr}()"
            case ast.ImportFrom(module="time", names=aliases) if {each.name for each in aliases} & _OF_TIME:
                yield f"line {node.lineno}: imports it"
            case _:
                pass


def test_only_the_clock_reads_the_time_of_day() -> None:
    checked = [module for module in modules().values() if top(module.name) in PACKAGES]
    found = [f"{module.name} {each}" for module in checked for each in readings(module.tree)]
    assert {each.partition(" ")[0] for each in found} == {"infra.clock"}, "\n".join(found)


@pytest.mark.parametrize(
    ("source", "is_reading"),
    [
        ("import time\ntime.time()", True),
        ("import time\nf(clock=time.time_ns)", True),
        ("from time import time", True),
        ("from datetime import datetime\ndatetime.now(UTC)", True),
        ("import time\ntime.gmtime()", True),
        ("import time\ntime.gmtime(0)\ntime.monotonic()\ntime.perf_counter_ns()", False),
        ("clock.now()", False),
        ("from datetime import datetime\ndatetime.fromtimestamp(0, UTC)", False),
    ],
)
def test_a_reading_is_seen(source: str, is_reading: bool) -> None:
    assert bool(list(readings(ast.parse(source)))) is is_reading


def test_the_system_clock_has_no_offset() -> None:
    clock = SystemClock()
    before = clock.real()
    assert before <= clock.now() <= clock.real()
    assert clock.offset == clock.set_back == 0


def test_the_test_clock_adds_the_seconds_of_its_file(tmp_path: Path) -> None:
    clock = clock_of(Settings(data=tmp_path, test_clock=True))
    assert isinstance(clock, OffsetClock)
    assert clock.offset == 0
    (tmp_path / CLOCK_FILE).write_text("90.5")
    clock.refresh()
    assert clock.offset == 90_500_000
    assert clock.now() - clock.real() >= 89 * SECOND
    (tmp_path / CLOCK_FILE).write_text("half wr")
    clock.refresh()
    assert clock.offset == 90_500_000
    (tmp_path / CLOCK_FILE).unlink()
    clock.refresh()
    assert clock.offset == 0


def test_without_the_setting_the_file_does_not_count(tmp_path: Path) -> None:
    (tmp_path / CLOCK_FILE).write_text("90")
    clock = clock_of(Settings(data=tmp_path))
    clock.refresh()
    assert clock.offset == 0
