"""Seconds that a command of `pingfold` takes, beside a Pingfold that runs, from its start to its end.

Each command runs many times, one after the other; the median counts. Python itself takes a good part of it: what an
empty program takes on this machine is measured, too.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from bench.processes import module
from bench.report import Report, percentile, say, spread
from bench.stack import Stack, clean_environment

_LIMIT_SECONDS = 0.5
_COMMANDS = (
    ("--version",),
    ("-h",),
    ("project", "-h"),
    ("project", "list"),
    ("channel", "list"),
    ("status",),
)
_PATIENCE_SECONDS = 60.0


def cli(runs: Annotated[int, typer.Option(help="How often each command runs.", min=1)] = 15) -> None:
    """Seconds of a command of the command line."""
    report = Report("cli", {"runs": runs})
    with tempfile.TemporaryDirectory(prefix="pingfold-bench-", ignore_cleanup_errors=True) as folder:
        stack = Stack(Path(folder))
        try:
            say(f"Pingfold is ready at {stack.url} after {stack.start():.1f} s")
            environment = clean_environment({"PINGFOLD_DATA": str(stack.data)})
            report.measured["python -c pass"] = spread(_timed((sys.executable, "-c", "pass"), environment, runs), 3)
            for arguments in _COMMANDS:
                name = " ".join(arguments)
                taken = _timed(module("pingfold", *arguments), environment, runs)
                report.measured[name] = spread(taken, 3)
                median = percentile(sorted(taken), 0.5)
                report.ask(f"pingfold {name}: median s", round(median, 3), "<=", _LIMIT_SECONDS)
        finally:
            stack.http.close()
            stack.stop()
    report.publish()


def _timed(command: tuple[str, ...], environment: dict[str, str], runs: int) -> list[float]:
    """Seconds of each run; the first one, which may compile modules, does not count."""
    taken = []
    for _ in range(runs + 1):
        began = time.monotonic()
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_PATIENCE_SECONDS)
        taken.append(time.monotonic() - began)
        if ended.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} ended with status {ended.returncode}: {ended.stderr}")
    return taken[1:]
