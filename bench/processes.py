"""Processes that a measurement starts, and what processes use: every one of ours ends with the measurement.

A child dies with its parent (Linux), and `ending` turns SIGTERM and SIGINT into an exception, so that whatever is
entered with `with` is left in order.
"""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")

_TICKS = os.sysconf("SC_CLK_TCK")
_STOP_SECONDS = 10.0


class NotInTime(Exception):
    """Something that was waited for did not happen within its bound."""


def wait_until(condition: Callable[[], T], timeout: float, what: str, pause: float = 0.05) -> T:
    """The first true value of `condition`. Raises `NotInTime` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise NotInTime(f"not within {timeout:.0f} s: {what}")
        time.sleep(pause)
    return value


@contextlib.contextmanager
def ending() -> Iterator[None]:
    """Within it SIGTERM and SIGINT raise `KeyboardInterrupt`."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def die_with_parent() -> None:
    """To be called between fork and exec: the child gets SIGTERM when its parent ends, however that ends."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def spawn(
    *command: str, environment: Mapping[str, str] | None = None, output: Path | None = None, talks: bool = False
) -> subprocess.Popen[str]:
    """Start a process; it writes to the file `output`, else to our stderr. `talks`: pipes for stdin and stdout."""
    with contextlib.ExitStack() as stack:
        said = sys.stderr if output is None else stack.enter_context(output.open("a"))
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
            stdout=subprocess.PIPE if talks else said,
            stderr=said,
            env=None if environment is None else dict(environment),
            text=True,
            preexec_fn=die_with_parent,
        )


def module(name: str, *arguments: str) -> tuple[str, ...]:
    """The command that runs a Python module with our interpreter."""
    return sys.executable, "-m", name, *arguments


def stop(process: subprocess.Popen[str], seconds: float = _STOP_SECONDS) -> None:
    """SIGTERM, and SIGKILL when it takes longer; harmless when the process has ended."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_STOP_SECONDS)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


@contextlib.contextmanager
def running(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """A process that is stopped at the end of the body."""
    try:
        yield process
    finally:
        stop(process)


def answer_of(timeout: float, task: Mapping[str, Any], *command: str) -> dict[str, Any]:
    """Run a helper that reads one JSON object from stdin and prints one; bounded by `timeout`."""
    with running(spawn(*command, talks=True)) as process:
        try:
            printed, _ = process.communicate(json.dumps(task), timeout=timeout)
        except subprocess.TimeoutExpired as error:
            raise NotInTime(f"{' '.join(command[1:3])} did not end within {timeout:.0f} s") from error
        if process.returncode:
            raise RuntimeError(f"{' '.join(command[1:3])} ended with status {process.returncode}")
    answer: dict[str, Any] = json.loads(printed)
    return answer


def is_running(pid: int) -> bool:
    """Whether a process is there and is more than a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used, user and system, all threads; 0 for one that is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory_mib(pid: int) -> dict[str, float]:
    """Resident and proportional memory of a process."""
    names = {"Rss": "rss", "Pss": "pss"}
    found = {}
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
            name, value = line.split()[:2]
            if name.rstrip(":") in names:
                found[names[name.rstrip(":")]] = round(int(value) / 1024, 1)
    except (OSError, ValueError):
        pass
    return found


class Usage:
    """Processor time by process between two moments."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = dict(pids)
        self._before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        self._began = time.monotonic()

    def cores(self) -> dict[str, float]:
        """Cores used by each process since the beginning (1.0 is one whole core), busiest first."""
        elapsed = time.monotonic() - self._began
        return {name: round(seconds / elapsed, 4) for name, seconds in self._used().items()}

    def micros_per(self, events: int) -> dict[str, float]:
        """Microseconds of processor time that each process has used per event since the beginning."""
        return {name: round(seconds * 1e6 / max(1, events), 1) for name, seconds in self._used().items()}

    def _used(self) -> dict[str, float]:
        used = {name: cpu_seconds(pid) - self._before[name] for name, pid in self._pids.items()}
        return dict(sorted(used.items(), key=lambda item: -item[1]))
