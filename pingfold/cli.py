"""The command line `pingfold`: start Pingfold or one of its roles, look after it, talk to a running one."""

import os
import sys
from collections.abc import Mapping
from functools import partial
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError

from infra.availability import clickhouse_answers, kafka_answers
from infra.clickhouse.client import Address
from infra.http_server.listening import bind
from infra.log.clients import ClientLost
from infra.process import logs
from infra.process.lifecycle import Role, run_role
from infra.process.liveness import Check
from infra.settings.errors import unknown_settings, wrong_settings
from infra.settings.settings import Settings
from pingfold.addresses import clickhouse_of, kafka_of
from pingfold.commands import admin as operate
from pingfold.commands import audit
from pingfold.commands import client as talk
from pingfold.commands import keys as keys  # adds to the commands of `operate`
from pingfold.commands import time as time_commands
from pingfold.faults import MENDABLE, line_of

app = typer.Typer(
    help="Uptime and cron monitor on a Kafka log. Settings are environment variables; docs/operations.md lists them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(operate.projects, name="project")
app.add_typer(operate.keys, name="key")
app.add_typer(operate.recipients, name="recipient")
app.add_typer(operate.dead_letters, name="dead-letters")
app.add_typer(time_commands.times, name="time")
app.add_typer(talk.channels, name="channel")
app.command()(talk.ping)
app.command()(audit.audit)

Slot = Annotated[str, typer.Option(help="Name of this process among those of its role; stays the same over restarts.")]


def main() -> None:
    """Entry point; faults that people can mend are told in one line, and the exit status is 1."""
    if "--help" not in sys.argv:
        _refuse(unknown_settings(os.environ))
    try:
        app()
    except ValidationError as error:
        _refuse(wrong_settings(error))
        raise
    except Exception as error:
        line = line_of(error, Settings())
        if line is None:
            raise
        _refuse([line])


def _refuse(lines: list[str]) -> None:
    if lines:
        sys.exit("\n".join(f"pingfold: {line}" for line in lines))


@app.command()
def up() -> None:
    """Start the whole of Pingfold on this machine, in the foreground."""
    from pingfold.supervisor.up import up as start

    logs.configure("up")
    start(Settings())


def _run(role: str, slot: str, serve: Role, checks: Mapping[str, Check]) -> NoReturn:
    """Run a role of its own until it is stopped. Ends the process. checks: of the servers that it may wait for."""
    run_role(f"{role}-{slot}", Settings().data, serve, checks, plain=(*MENDABLE, ClientLost))


def _kafka() -> dict[str, Check]:
    return {"kafka": partial(kafka_answers, kafka_of(Settings()))}


def _serve(role: str, slot: str, pings: bool, api: bool) -> NoReturn:
    from pingfold.roles.web import serve

    logs.configure(f"{role}-{slot}")
    settings = Settings()
    listener = bind(settings.host, settings.port)
    _run(role, slot, partial(serve, settings, listener, f"{role}-{slot}", pings, api), _kafka())


@app.command()
def web(slot: Slot = "0") -> None:
    """Serve ping URLs and REST on one port."""
    _serve("web", slot, pings=True, api=True)


@app.command()
def ingest(slot: Slot = "0") -> None:
    """Serve ping URLs only."""
    _serve("ingest", slot, pings=True, api=False)


@app.command()
def api(slot: Slot = "0") -> None:
    """Serve REST only."""
    _serve("api", slot, pings=False, api=True)


@app.command()
def worker(slot: Slot = "0") -> None:
    """Fold journals and send notices."""
    from pingfold.roles.worker import work

    logs.configure(f"worker-{slot}")
    work(Settings(), slot)


@app.command()
def ticker(slot: Slot = "0") -> None:
    """Tell the journals the time."""
    logs.configure(f"ticker-{slot}")
    _run("ticker", slot, partial(operate.tick, Settings(), slot), _kafka())


@app.command()
def prober(
    slot: Slot = "0", region: Annotated[str, typer.Option(help="Where this process probes from.")] = "local"
) -> None:
    """Probe web services."""
    from pingfold.roles.prober import serve_prober

    logs.configure(f"prober-{slot}")
    _run("prober", slot, partial(serve_prober, Settings(), region, slot), _kafka())


@app.command()
def writer(slot: Slot = "0") -> None:
    """Write history into ClickHouse."""
    logs.configure(f"writer-{slot}")
    clickhouse = partial(clickhouse_answers, Address.parse(clickhouse_of(Settings())))
    _run("writer", slot, partial(operate.write_history, Settings(), slot), {**_kafka(), "clickhouse": clickhouse})


@app.command()
def migrate() -> None:
    """Make the topics in Kafka and the tables in ClickHouse that are missing."""
    operate.migrate(Settings())


@app.command()
def replay(
    verify: Annotated[bool, typer.Option("--verify", help="Compare with what stands in Kafka.")] = False,
    snapshot: Annotated[
        bool, typer.Option("--snapshot", help="Compare, and write a snapshot from which a later replay can begin.")
    ] = False,
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Write the snapshot also when something could not be compared.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Fold the journals again, from their beginning or from a snapshot.

    Exit status 0: equal. 1: different. 2: not comparable, or could not run.
    """
    from pingfold.replay import replay as run

    raise typer.Exit(run(Settings(), verify=verify, snapshot=snapshot, unverified=unverified, as_json=json))
