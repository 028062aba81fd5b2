"""Pings beside attackers: what others wait while one peer keeps the web process busy or waiting.

Pings at an even 3,000/s over 64 connections from one address, everything running. Each attack (bench/attacker.py)
comes from another address, which is no trusted proxy, for as long as the pings do; before and after it they run
undisturbed. A ratio is that of an attack's p99 to the mean of the two beside it. No ping may be refused or lost.

In the same run: what the bounds cost the usual request, in the parser and its callbacks alone, against uvicorn's own
protocol, as a share of all that a ping costs the web process.
"""

import tempfile
import threading
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.attacker import ATTACKS
from bench.checks import make_checks
from bench.http_cost import cost_of_bounds
from bench.processes import Usage, answer_of, module
from bench.report import Report, say
from bench.stack import Stack, pingfold

_ATTACKER = "127.0.0.66"
_NOBODY = "192.0.2.1/32"


def attacks(
    rate: Annotated[float, typer.Option(help="Pings per second of others.")] = 3_000.0,
    seconds: Annotated[float, typer.Option(help="Length of each attack, and of each time without one.")] = 15.0,
    checks: Annotated[int, typer.Option(help="How many checks are pinged in turn.")] = 10_000,
    only: Annotated[str | None, typer.Option(help="Only attacks whose name has this in it.")] = None,
) -> None:
    """The p99 of 3,000 pings/s beside each attack, and pings that were refused."""
    report = Report("attacks", {"rate": rate, "seconds": seconds, "checks": checks})
    cost = cost_of_bounds()
    settings = {"PINGFOLD_TRUSTED_PROXIES": _NOBODY, "PINGFOLD_PINGS_PER_MINUTE": "0"}
    with tempfile.TemporaryDirectory(prefix="pingfold-bench-load-") as folder, pingfold(None, **settings) as stack:
        paths = Path(folder, "paths")
        paths.write_text("\n".join(f"/ping/{id}" for id in make_checks(stack, checks)))
        beside = _Beside(stack, paths, rate, seconds)
        say("warming up")
        beside.pings()
        usage = Usage({"web": stack.pids()["web-0"]})
        before = beside.pings()
        micros = usage.micros_per(before["sent"])["web"]
        for name in ATTACKS:
            if only is not None and only not in name:
                continue
            attacked = beside.attack(name)
            after = beside.pings()
            undisturbed = (before["latency_ms"]["p99"] + after["latency_ms"]["p99"]) / 2
            ratio = attacked["latency_ms"]["p99"] / max(0.1, undisturbed)
            report.measured[name] = attacked | {"undisturbed_p99_ms": round(undisturbed, 2)}
            report.ratios[f"p99 beside {name}, of the undisturbed"] = round(ratio, 2)
            report.ask(f"{name}: p99 as a ratio", round(ratio, 2), "<=", 2)
            report.ask(f"{name}: pings refused or lost", _not_taken(attacked), "<=", 0)
            before = after
    report.measured["request"] = cost | {"web_micros_per_ping": micros}
    report.ask("bounds, of what a ping costs the web process", round(cost["more_micros"] / micros, 4), "<=", 0.05)
    report.publish()


class _Beside:
    """Pings at an even rate, alone or beside an attack."""

    def __init__(self, stack: Stack, paths: Path, rate: float, seconds: float) -> None:
        host, _, port = stack.url.rpartition("//")[2].rpartition(":")
        self._address = {"host": host, "port": int(port)}
        self._load = self._address | {"paths": str(paths), "connections": 64, "seconds": seconds, "rate": rate}
        self._seconds, self._first = seconds, 0

    def pings(self) -> dict[str, Any]:
        outcome = answer_of(self._seconds + 60.0, self._load | {"first": self._first}, *module("bench.load"))
        self._first += outcome["sent"]
        say(f"{outcome['per_second']:.0f}/s {outcome['latency_ms']} {outcome['answers']}")
        return {name: outcome[name] for name in ("sent", "lost", "unanswered", "answers", "latency_ms")}

    def attack(self, name: str) -> dict[str, Any]:
        say(f"beside: {name}")
        task = self._address | {"attack": name, "source": _ATTACKER, "seconds": self._seconds}
        attacker: dict[str, Any] = {}

        def run() -> None:
            attacker.update(answer_of(self._seconds + 60.0, task, *module("bench.attacker")))

        thread = threading.Thread(target=run, name="attacker")
        thread.start()
        try:
            outcome = self.pings()
        finally:
            thread.join()
        say(f"the attacker: {attacker}")
        return outcome | {"attacker": attacker}


def _not_taken(outcome: dict[str, Any]) -> int:
    refused = sum(count for answer, count in outcome["answers"].items() if answer != "200 OK")
    return int(refused + outcome["lost"] + outcome["unanswered"])
