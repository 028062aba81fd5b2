"""The command line `pingfold`: starts Pingfold or one of its roles, administers it, and calls a running one.

A fault that people can correct ends a command with one line on standard error and exit status 1; never a traceback.
Commands of `pingfold.commands.client` use HTTP and need a running Pingfold; the others connect to Kafka.
"""

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
from pingfold.commands import admin, audit, client, mutes
from pingfold.commands import keys as keys  # adds to the commands of `admin`
from pingfold.commands import time as time_commands
from pingfold.faults import MENDABLE, line_of

app = typer.Typer(
    help="Uptime and cron monitor on Apache Kafka. Settings are environment variables: see docs/operations.md.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(admin.projects, name="project")
app.add_typer(admin.keys, name="key")
app.add_typer(admin.recipients, name="recipient")
app.add_typer(admin.dead_letters, name="dead-letters")
app.add_typer(time_commands.times, name="time")
app.add_typer(client.channels, name="channel")
app.command()(client.ping)
app.command()(audit.audit)
app.command()(mutes.mute)
app.command()(mutes.unmute)

Slot = Annotated[
    str, typer.Option(help="Identifies this process among those of its role. Must be unique and stable over restarts.")
]


def main() -> None:
    """Entry point. A fault that people can correct is reported in one line; the exit status is 1."""
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
    """Start all roles on this machine, with embedded Kafka and ClickHouse unless settings name existing ones."""
    from pingfold.supervisor.up import up as start

    logs.configure("up")
    start(Settings())


def _run(role: str, slot: str, serve: Role, checks: Mapping[str, Check]) -> NoReturn:
    """Run one role until it is stopped, then end the process. checks: the servers that the role may wait for."""
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
    """Serve ping URLs and the REST APIs on one port."""
    _serve("web", slot, pings=True, api=True)


@app.command()
def ingest(slot: Slot = "0") -> None:
    """Serve only ping URLs."""
    _serve("ingest", slot, pings=True, api=False)


@app.command()
def api(slot: Slot = "0") -> None:
    """Serve only the REST APIs and pages."""
    _serve("api", slot, pings=False, api=True)


@app.command()
def worker(slot: Slot = "0") -> None:
    """Compute statuses from the journals, and send notifications."""
    from pingfold.roles.worker import work

    logs.configure(f"worker-{slot}")
    work(Settings(), slot)


@app.command()
def ticker(slot: Slot = "0") -> None:
    """Append ticks, by which the folds learn the time."""
    logs.configure(f"ticker-{slot}")
    _run("ticker", slot, partial(admin.tick, Settings(), slot), _kafka())


@app.command()
def prober(
    slot: Slot = "0", region: Annotated[str, typer.Option(help="Region that this process probes from.")] = "local"
) -> None:
    """Probe the monitors of a region."""
    from pingfold.roles.prober import serve_prober

    logs.configure(f"prober-{slot}")
    _run("prober", slot, partial(serve_prober, Settings(), region, slot), _kafka())


@app.command()
def writer(slot: Slot = "0") -> None:
    """Copy events from Kafka into ClickHouse, for history and uptimes."""
    logs.configure(f"writer-{slot}")
    clickhouse = partial(clickhouse_answers, Address.parse(clickhouse_of(Settings())))
    _run("writer", slot, partial(admin.write_history, Settings(), slot), {**_kafka(), "clickhouse": clickhouse})


@app.command()
def dns(slot: Slot = "0") -> None:
    """Answer DNS queries for the addresses of the nodes (PINGFOLD_DNS_ZONE)."""
    from pingfold.roles.dns import bind_dns, serve_dns

    logs.configure(f"dns-{slot}")
    settings = Settings()
    _run("dns", slot, partial(serve_dns, settings, bind_dns(settings)), {})


@app.command()
def migrate() -> None:
    """Create missing topics in Kafka and missing tables in ClickHouse, and apply the retention settings."""
    admin.migrate(Settings())


@app.command()
def replay(
    verify: Annotated[bool, typer.Option("--verify", help="Compare the result with the topics in Kafka.")] = False,
    snapshot: Annotated[
        bool, typer.Option("--snapshot", help="Compare, then write a snapshot from which later replays can begin.")
    ] = False,
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Write the snapshot even if a part could not be compared.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Recompute all states from the journals, from their beginning or from a snapshot.

    Exit status: 0 if equal, 1 if different, 2 if a part is not comparable or the replay could not run.
    """
    from pingfold.replay import replay as run

    raise typer.Exit(run(Settings(), verify=verify, snapshot=snapshot, unverified=unverified, as_json=json))
