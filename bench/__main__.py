"""`python -m bench NAME`; see the package's docstring."""

import json
import subprocess
import sys

import typer

from bench.attacks import attacks
from bench.bulk import bulk
from bench.cli import cli
from bench.disk import disk
from bench.dns import dns
from bench.expiry_storm import expiry_storm
from bench.explain import explain
from bench.fail_to_incident import fail_to_incident
from bench.fail_to_webhook import fail_to_webhook
from bench.fold import fold
from bench.fold_events import fold_events
from bench.get_monitor import get_monitor
from bench.idle import idle
from bench.idle_growth import idle_growth
from bench.ingest import ingest
from bench.load_states import load_states
from bench.memory import memory
from bench.pages import pages
from bench.pending import pending
from bench.prober import prober
from bench.processes import ending, module, running, spawn
from bench.push import push
from bench.ready import ready
from bench.report import say
from bench.sender import sender
from bench.slow_receivers import slow_receivers
from bench.startup import startup
from bench.storm import storm
from bench.updown_list import updown_list
from bench.updown_metrics import updown_metrics
from bench.uptime import uptime
from bench.what_if import what_if
from infra.process.logs import configure

app = typer.Typer(
    help="Measure Pingfold. Each command prints one JSON object on stdout; progress goes to stderr.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
_COMMANDS = (
    ingest,
    bulk,
    fold,
    fold_events,
    fail_to_webhook,
    push,
    fail_to_incident,
    get_monitor,
    expiry_storm,
    slow_receivers,
    storm,
    sender,
    prober,
    startup,
    ready,
    idle,
    idle_growth,
    load_states,
    memory,
    pages,
    pending,
    uptime,
    explain,
    updown_list,
    updown_metrics,
    attacks,
    disk,
    dns,
    cli,
    what_if,
)
_LONGEST_SECONDS = 1_200.0
for command in _COMMANDS:
    app.command(command.__name__.replace("_", "-"))(command)


@app.command("all")
def everything() -> None:
    """Run every measurement with its defaults, one after the other; print a JSON list. Exit status 1: not all met."""
    found = []
    for command in _COMMANDS:
        name = command.__name__.replace("_", "-")
        say(f"---- {name}")
        with running(spawn(*module("bench", name), talks=True)) as process:
            try:
                printed, _ = process.communicate(timeout=_LONGEST_SECONDS)
            except subprocess.TimeoutExpired:
                printed = ""
        found.append(json.loads(printed) if printed else {"name": name, "met": False, "error": "it did not end well"})
    print(json.dumps(found, indent=1))
    sys.exit(0 if all(one["met"] for one in found) else 1)


if __name__ == "__main__":
    configure("bench")  # parts of Pingfold that measurements use log to stderr: stdout has the object alone
    with ending():
        app()
