"""How many times a second one API process answers `GET /api/v1/monitors/<id>`, which tells the uptime of 30 days, too.

100 monitors with results in history; keep-alive connections, closed loop, no rate limit. For comparison in the same
run: `GET /api/v1/account`, which asks neither states nor history.
"""

import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.fail_to_incident import make_monitors
from bench.probe_target import HOSTS
from bench.processes import answer_of, module, running, spawn
from bench.report import Report, say
from bench.stack import Stack, pingfold
from infra.embedded.ports import free_port

_MONITORS = 100
_RESULTS_SECONDS = 12.0


def get_monitor(
    seconds: Annotated[float, typer.Option(help="How long each of the two loads is.")] = 15.0,
    connections: Annotated[int, typer.Option(help="Connections of the load.")] = 32,
) -> None:
    """Answers a second to GET one monitor."""
    report = Report("get_monitor", {"seconds": seconds, "connections": connections, "monitors": _MONITORS})
    port = free_port()
    with (
        tempfile.TemporaryDirectory(prefix="pingfold-bench-") as folder,
        running(spawn(*module("bench.probe_target", str(port)))),
        pingfold(None) as stack,
    ):
        ids = make_monitors(stack, _MONITORS, url=f"http://{HOSTS[0]}:{port}/", interval_seconds=5)
        say(f"{len(ids)} monitors made; they are probed for {_RESULTS_SECONDS:.0f} s")
        time.sleep(_RESULTS_SECONDS)
        for id in ids:
            stack.http.request("POST", f"/api/v1/monitors/{id}/pause", headers=_header(stack)).raise_for_status()
        paths = Path(folder, "paths")
        paths.write_text("\n".join(f"/api/v1/monitors/{id}" for id in ids))
        monitor = _load(stack, paths, connections, seconds)
        paths.write_text("/api/v1/account")
        account = _load(stack, paths, connections, seconds)
    report.measured |= {"monitor": monitor, "account": account}
    report.ratios["of GET account"] = round(monitor["per_second"] / max(1.0, account["per_second"]), 3)
    report.ask("answers/s", monitor["per_second"], ">=", 2_000)
    report.publish()


def _header(stack: Stack) -> dict[str, str]:
    return {"Authorization": f"Bearer {stack.credentials.poppaping_key}"}


def _load(stack: Stack, paths: Path, connections: int, seconds: float) -> dict[str, Any]:
    host, _, port = stack.url.rpartition("//")[2].rpartition(":")
    task = {
        "host": host,
        "port": int(port),
        "paths": str(paths),
        "connections": connections,
        "seconds": seconds,
        "header": f"Authorization: Bearer {stack.credentials.poppaping_key}\r\n",
        "any_body": True,
    }
    outcome = answer_of(seconds + 90.0, task, *module("bench.load"))
    say(f"{outcome['per_second']:.0f}/s {outcome['latency_ms']} {outcome['answers']}")
    return outcome
