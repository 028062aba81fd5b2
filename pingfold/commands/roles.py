"""`pingfold up`, and a command for each role that `up` runs as a separate process.

A role runs until SIGTERM or SIGINT. Exit status: 0 stopped; 1 an error that the operator can fix.
"""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, NoReturn

import typer

from infra.availability import clickhouse_answers, kafka_answers
from infra.clickhouse.address import Address
from infra.log.clients import ClientLost
from infra.process import logs
from infra.process.lifecycle import Role, run_role
from infra.process.liveness import Check
from infra.settings.settings import Settings
from pingfold.addresses import clickhouse_of, kafka_of
from pingfold.faults import MENDABLE
from pingfold.importing import importing

Slot = Annotated[
    str, typer.Option(help="Identifies this process among those of its role. Must be unique and stable over restarts.")
]


def up() -> None:
    """Start all roles on this machine, with embedded Kafka and ClickHouse unless settings name existing ones.

    It runs in the foreground until Ctrl-C. `make run` installs what is missing and calls it.

    Example: PINGFOLD_PORT=8080 pingfold up
    """
    with importing():
        from pingfold.supervisor.up import up as start

    start(Settings())


def run(role: str, slot: str, serve: Role, checks: Mapping[str, Check]) -> NoReturn:
    """Run one role until it is stopped, then end the process. checks: the servers that the role may wait for."""
    run_role(f"{role}-{slot}", Settings().data, serve, checks, plain=(*MENDABLE, ClientLost))


def _kafka() -> dict[str, Check]:
    return {"kafka": partial(kafka_answers, kafka_of(Settings()))}


def _serve(role: str, slot: str, pings: bool, api: bool) -> NoReturn:
    with importing():
        from pingfold.roles.listeners import open_listeners
        from pingfold.roles.web import serve

    settings = Settings()
    logs.configure(f"{role}-{slot}", settings.log_format)
    run(role, slot, partial(serve, settings, open_listeners(settings), f"{role}-{slot}", pings, api), _kafka())


def web(slot: Slot = "0") -> None:
    """Serve ping URLs and the REST APIs on one port.

    Example: pingfold web --slot 1
    """
    _serve("web", slot, pings=True, api=True)


def ingest(slot: Slot = "0") -> None:
    """Serve only ping URLs.

    Example: pingfold ingest --slot 1
    """
    _serve("ingest", slot, pings=True, api=False)


def api(slot: Slot = "0") -> None:
    """Serve only the REST APIs and pages.

    Example: pingfold api --slot 1
    """
    _serve("api", slot, pings=False, api=True)


def worker(slot: Slot = "0") -> None:
    """Compute statuses from the journals, and send notifications.

    Example: pingfold worker --slot 1
    """
    with importing():
        from pingfold.roles.worker import work

    logs.configure(f"worker-{slot}", Settings().log_format)
    work(Settings(), slot)


def ticker(slot: Slot = "0") -> None:
    """Append ticks, which advance the time of the folds.

    Example: pingfold ticker --slot 1
    """
    with importing():
        from pingfold.roles.ticker import tick

    logs.configure(f"ticker-{slot}", Settings().log_format)
    run("ticker", slot, partial(tick, Settings(), slot), _kafka())


def prober(
    slot: Slot = "0", region: Annotated[str, typer.Option(help="Region that this process probes from.")] = "local"
) -> None:
    """Probe the monitors of a region.

    Example: pingfold prober --region oslo --slot oslo-1
    """
    with importing():
        from pingfold.roles.prober import serve_prober

    logs.configure(f"prober-{slot}", Settings().log_format)
    run("prober", slot, partial(serve_prober, Settings(), region, slot), _kafka())


def writer(slot: Slot = "0") -> None:
    """Copy events from Kafka into ClickHouse, for history and uptimes.

    Example: pingfold writer --slot 1
    """
    with importing():
        from pingfold.roles.writer import write_history

    logs.configure(f"writer-{slot}", Settings().log_format)
    clickhouse = partial(clickhouse_answers, Address.parse(clickhouse_of(Settings())))
    run("writer", slot, partial(write_history, Settings(), slot), {**_kafka(), "clickhouse": clickhouse})


def dns(slot: Slot = "0") -> None:
    """Answer DNS queries for the addresses of the nodes (PINGFOLD_DNS_ZONE).

    Example: PINGFOLD_DNS_ZONE=nodes.example.org pingfold dns
    """
    with importing():
        from pingfold.roles.dns import bind_dns, serve_dns

    settings = Settings()
    logs.configure(f"dns-{slot}", settings.log_format)
    run("dns", slot, partial(serve_dns, settings, bind_dns(settings)), {})
