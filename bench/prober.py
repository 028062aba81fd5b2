"""Probes of http by one prober process: a new connection each, the interval kept, against a server on loopback.

The prober is the real one (schedule, connections, answers, results encoded), but for Kafka: results are only counted.
Server and prober are processes of their own. In the same run the least that a client can do at the same even rate
shows what the prober adds: both figures are processor time per probe.
"""

import socket
from typing import Annotated, Any

import typer

from bench.processes import answer_of, module, running, spawn, wait_until
from bench.report import Report, say
from infra.embedded.ports import HOST, free_port


def prober(
    rate: Annotated[int, typer.Option(help="Probes per second.")] = 1_500,
    interval: Annotated[int, typer.Option(help="Seconds between the probes of a monitor.")] = 10,
    seconds: Annotated[float, typer.Option(help="Length of the measurement.")] = 30.0,
    warm_up: Annotated[float, typer.Option(help="Seconds of probing before anything counts.")] = 5.0,
) -> None:
    """http probes per second of one prober process, and how late they begin."""
    report = Report("prober", {"rate": rate, "interval": interval, "seconds": seconds})
    port = free_port()
    task = {"port": port, "monitors": rate * interval, "interval": interval, "warm_up": warm_up, "seconds": seconds}
    with running(spawn(*module("bench.probe_target", str(port)))):
        wait_until(lambda: _listens(port), 20.0, "the server listens")
        found = {name: _run(name, task | {"bare": name == "bare client"}) for name in ("prober", "bare client")}
    report.measured |= found
    ours, least = found["prober"], found["bare client"]
    report.ratios["processor time of a bare client"] = round(
        least["cpu_micros_per_probe"] / max(1.0, ours["cpu_micros_per_probe"]), 3
    )
    failed = sum(count for ended, count in ours["ended"].items() if ended != "ok")
    report.ask("probes/s", ours["per_second"], ">=", rate * 0.995)  # what begins before an end may end after it
    report.ask("p99 start delay ms", ours["delay_ms"]["p99"], "<=", 250)
    report.ask("probes that failed", failed, "<=", 0)
    report.publish()


def _run(name: str, task: dict[str, Any]) -> dict[str, Any]:
    outcome = answer_of(task["warm_up"] + task["seconds"] + 60.0, task, *module("bench.probing"))
    say(f"{name}: {outcome['per_second']:.0f}/s, delay {outcome['delay_ms']} ms, {outcome['cpu_micros_per_probe']} us")
    return outcome


def _listens(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex((HOST, port)) == 0
