"""The command line `pingfold`: start Pingfold or one of its roles, look after it, talk to a running one."""

import asyncio
import sys
from typing import Annotated

import typer
from pydantic import ValidationError

from infra import logs
from infra.settings import Settings, wrong_settings
from pingfold import operate, talk, time_commands
from pingfold.addresses import NotRunning
from pingfold.credentials import NoCredentials

app = typer.Typer(
    help="Uptime and cron monitor on a Kafka log. Settings are environment variables; docs/operations.md lists them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(operate.projects, name="project")
app.add_typer(operate.keys, name="key")
app.add_typer(operate.dead_letters, name="dead-letters")
app.add_typer(time_commands.times, name="time")
app.add_typer(talk.channels, name="channel")
app.command()(talk.ping)

Slot = Annotated[str, typer.Option(help="Name of this process among those of its role; stays the same over restarts.")]


def main() -> None:
    """Entry point; faults that people can mend are told in one line."""
    try:
        app()
    except ValidationError as error:
        sys.exit("\n".join(f"pingfold: {line}" for line in wrong_settings(error)))
    except (NotRunning, NoCredentials, talk.Failed, operate.Failed) as error:
        sys.exit(f"pingfold: {error}")


@app.command()
def up() -> None:
    """Start the whole of Pingfold on this machine, in the foreground."""
    from pingfold.up import up as start

    raise typer.Exit(start(Settings()))


def _serve(role: str, slot: str, pings: bool, api: bool) -> None:
    import uvloop

    from pingfold.web import serve

    logs.configure(f"{role}-{slot}")
    uvloop.run(serve(Settings(), f"{role}-{slot}", pings, api))


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
    from pingfold.worker import work

    logs.configure(f"worker-{slot}")
    work(Settings(), slot)


@app.command()
def ticker(slot: Slot = "0") -> None:
    """Tell the journals the time."""
    logs.configure(f"ticker-{slot}")
    asyncio.run(operate.tick(Settings()))


@app.command()
def prober(
    slot: Slot = "0", region: Annotated[str, typer.Option(help="Where this process probes from.")] = "local"
) -> None:
    """Probe web services."""
    import uvloop

    from pingfold.prober import serve_prober

    logs.configure(f"prober-{slot}")
    uvloop.run(serve_prober(Settings(), region, slot))


@app.command()
def writer(slot: Slot = "0") -> None:
    """Write history into ClickHouse."""
    logs.configure(f"writer-{slot}")
    asyncio.run(operate.write_history(Settings()))


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
