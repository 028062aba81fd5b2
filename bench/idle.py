"""What Pingfold costs when nothing happens: processor time and memory of every process, the broker included.

A fresh Pingfold with some checks that are up and not due; after it has settled, processor time (user and system, all
threads, from the kernel's own counters) over a minute, as share of one core. The measurement itself looks only twice.
"""

import time
from typing import Annotated

import typer

from bench.checks import settle_with
from bench.processes import Usage, memory_mib
from bench.report import Report, say
from bench.stack import pingfold

# The options of both looks at an idle Pingfold.
Seconds = Annotated[float, typer.Option(help="How long to look.")]
Settle = Annotated[float, typer.Option(help="Seconds after the start before the look begins.")]
Checks = Annotated[int, typer.Option(help="Checks that are up.")]
Url = Annotated[str | None, typer.Option(help="Measure the Pingfold that runs there.")]


def idle(seconds: Seconds = 60.0, settle: Settle = 30.0, checks: Checks = 1_000, url: Url = None) -> None:
    """Processor time and memory of an idle Pingfold."""
    report = Report("idle", {"seconds": seconds, "settle": settle, "checks": checks})
    with pingfold(url) as stack:
        settle_with(stack, checks, settle)
        usage = Usage(stack.pids())
        say(f"looking for {seconds:.0f} s")
        time.sleep(seconds)
        cores = usage.cores()
        memory = {role: memory_mib(pid) for role, pid in stack.pids().items()}
    total = round(sum(cores.values()), 4)
    report.measured |= {
        "cores": total,
        "cores_by_process": cores,
        "rss_mib": round(sum(used.get("rss", 0.0) for used in memory.values()), 1),
        "pss_mib": round(sum(used.get("pss", 0.0) for used in memory.values()), 1),
        "memory_mib_by_process": memory,
    }
    report.ask("share of one core, all processes", total, "<=", 0.25)
    report.publish()
