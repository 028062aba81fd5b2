"""Seconds from the command that starts everything to the first 200 of `/readyz`, all parts installed.

Three starts on one data folder: the first, on none; one after a clean stop; one after SIGKILL of every process at once,
while pings come in as fast as they are answered and folds and writer are busy with them. `make run` does the same after
a look at whether anything must be installed. At the end the states must have counted every ping that was acknowledged.
"""

import json
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from bench.checks import count_states, make_checks, wait_folded
from bench.load import Task
from bench.processes import module, running, spawn
from bench.report import Report, say
from bench.stack import Stack
from infra.embedded.ports import HOST
from schemas.topics import PINGS


def startup(
    checks: Annotated[int, typer.Option(help="Checks that are pinged when everything is killed.")] = 20_000,
    connections: Annotated[int, typer.Option(help="Connections of the load at the kill.")] = 64,
    load: Annotated[float, typer.Option(help="Seconds of load before the kill.")] = 10.0,
) -> None:
    """Seconds to a Pingfold that is ready: the first time, again, and after a kill of everything."""
    report = Report("startup", {"checks": checks, "connections": connections, "load_seconds": load})
    with tempfile.TemporaryDirectory(prefix="pingfold-bench-", ignore_cleanup_errors=True) as folder:
        stack = Stack(Path(folder), settings={"PINGFOLD_PINGS_PER_MINUTE": "0"})
        try:
            first = _start(stack, "first start")
            began = time.monotonic()
            stack.stop()
            stopped = time.monotonic() - began
            second = _start(stack, f"start after a stop of {stopped:.1f} s")
            ids = make_checks(stack, checks)
            answers = _kill_under_load(stack, Path(folder, "paths"), ids, connections, load)
            killed = _start(stack, "start after the kill")
            wait_folded(stack, "checks", PINGS)
            counted = count_states(stack.credentials.cluster).pings
        except BaseException:
            say(f"what Pingfold said last:\n{stack.tail()}")
            raise
        finally:
            stack.http.close()
            stack.stop()
    acknowledged = answers.get("200 OK", 0)
    report.measured |= {
        "first_s": round(first, 2),
        "stop_s": round(stopped, 2),
        "second_s": round(second, 2),
        "after_kill_s": round(killed, 2),
        "acknowledged": acknowledged,
        "counted": counted,
    }
    report.ask("first start s", round(first, 2), "<=", 15)
    report.ask("second start s", round(second, 2), "<=", 15)
    report.ask("start after a kill of everything s", round(killed, 2), "<=", 25)
    report.ask("acknowledged and not counted", max(0, acknowledged - counted), "<=", 0)
    report.publish()


def _start(stack: Stack, what: str) -> float:
    took = stack.start()
    say(f"{what}: ready after {took:.1f} s")
    return took


def _kill_under_load(stack: Stack, paths: Path, ids: list[str], connections: int, seconds: float) -> dict[str, int]:
    """Kill everything in the middle of a load; what had been answered until then."""
    paths.write_text("\n".join(f"/ping/{id}" for id in ids))
    port = int(stack.url.rpartition(":")[2])
    task = Task(host=HOST, port=port, paths=str(paths), connections=connections, seconds=seconds + 3.0)
    with running(spawn(*module("bench.load"), talks=True)) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps({name: getattr(task, name) for name in task.__struct_fields__}))
        process.stdin.close()
        process.stdin = None
        time.sleep(seconds)
        stack.kill_everything()
        printed, _ = process.communicate(timeout=60.0)
    answers: dict[str, int] = json.loads(printed)["answers"]
    say(f"killed everything; answered until then: {answers}")
    return answers
