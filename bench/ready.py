"""A Pingfold with very many checks: seconds from the command that starts everything to the first 200 of `/readyz`, and
what each process then has in memory, for each check.

The checks are made and pinged once, everything is stopped in order, and started again.
"""

import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from bench.checks import make_checks, patience_for, ping_events, produce, wait_folded
from bench.memory import resident
from bench.report import Report, say
from bench.stack import Stack
from schemas.topics import PINGS


def ready(checks: Annotated[int, typer.Option(help="Checks that there are.")] = 1_000_000) -> None:
    """Seconds until a Pingfold with a million checks is ready again."""
    report = Report("ready", {"checks": checks})
    with tempfile.TemporaryDirectory(prefix="pingfold-bench-", ignore_cleanup_errors=True) as folder:
        stack = Stack(Path(folder), settings={"PINGFOLD_PINGS_PER_MINUTE": "0"})
        try:
            stack.start()
            before = {name: resident(pid) for name, pid in stack.pids().items()}
            _fill(stack, checks)
            began = time.monotonic()
            stack.stop()
            say(f"stopped in {time.monotonic() - began:.1f} s")
            took = stack.start()
            say(f"ready after {took:.1f} s")
            after = {name: resident(pid) for name, pid in stack.pids().items()}
        except BaseException:
            say(f"what Pingfold said last:\n{stack.tail()}")
            raise
        finally:
            stack.http.close()
            stack.stop()
    report.measured |= {
        "ready_s": round(took, 1),
        "resident_mib": {name: round(size / 2**20) for name, size in sorted(after.items())},
        "bytes_per_check": {
            name: round((size - before[name]) / checks) for name, size in sorted(after.items()) if name in before
        },
    }
    report.ask("ready again s", round(took, 1), "<=", 60)
    report.publish()


def _fill(stack: Stack, checks: int) -> None:
    ids = make_checks(stack, checks)
    produce(stack.credentials.cluster, PINGS, ping_events(ids, time.time_ns() // 1000))
    wait_folded(stack, "checks", PINGS, patience_for(checks))
