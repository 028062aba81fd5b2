"""Commands for operators, which connect to Kafka directly: roles, migrations, projects, keys, dead letters.

A command that changes something returns when the fold of projects has decided; without a decision in 10 s it fails and
says so, and the change may still be made.
"""

import asyncio
import json as json_module
from typing import Annotated, Any, get_args

import msgspec
import typer
from msgspec.structs import replace

from infra.clickhouse import migrations as clickhouse_migrations
from infra.clickhouse import retention as clickhouse_retention
from infra.clock import SYSTEM_CLOCK, clock_of
from infra.clock_skew.watch import ClockWatch
from infra.log import admin
from infra.log.decisions import Decisions, NoDecision
from infra.log.progress import FoldProgress
from infra.log.reading import read_to_end
from infra.log.replica import Replica
from infra.log.retention import format_retention, topic_retention
from infra.log.sink import Sink
from infra.log.startup_wait import StartupWait
from infra.process.lifecycle import Stop
from infra.process.tasks import persistent
from infra.secrets.secrets import (
    Vault,
    new_api_key,
    new_ping_key,
    new_webhook_secret,
    of_project,
    stored_api_key,
)
from infra.settings.ignored import fixed_partitions
from infra.settings.settings import Settings
from ingest.ticker import Ticker
from pingfold import credentials
from pingfold.addresses import answering_kafka_of, clickhouse_of, kafka_of
from pingfold.commands.blocks import is_blocked
from pingfold.commands.os_user import operator
from pingfold.commands.rejections import message_of
from pingfold.commands.tables import print_table
from pingfold.errors import CommandFailed, RequestRefused
from schemas.base import SECOND
from schemas.dead_letters import RETRIED_HEADER, DeadLetter
from schemas.definitions import KeyKind, KeyScope, Project
from schemas.ids import new_id
from schemas.recipients import Address
from schemas.requests import KeyCreate, KeyRevoke, ProjectCreate, ProjectsRequest, RecipientUnblock
from schemas.times import to_second
from schemas.topics import DEAD_LETTERS, JOURNAL_OF

projects = typer.Typer(
    help="Manage projects. Each has its own checks, monitors, channels and keys.", no_args_is_help=True
)
keys = typer.Typer(help="Manage the API keys of a project.", no_args_is_help=True)
recipients = typer.Typer(help="Manage recipients of mail.", no_args_is_help=True)
dead_letters = typer.Typer(help="List and retry events that could not be processed.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ProjectOption = Annotated[
    str | None, typer.Option("--project", help="Id of the project. Default: the project of the first start.")
]


async def tick(settings: Settings, slot: str, stop: Stop) -> None:
    """The ticker process."""
    bootstrap = kafka_of(settings)
    partitions = await StartupWait(bootstrap).partitions()
    sink, dues = Sink(bootstrap), FoldProgress(partitions)
    states = Replica(
        bootstrap,
        partitions,
        {states: dues.listen(states) for states, journal in JOURNAL_OF.items() if journal.ticked},
        from_end=True,
        wait_ms=500,
    )
    stop.started()
    # Ticks do not wait for it: while nothing is known of a partition it is ticked every second.
    starting = asyncio.create_task(states.start())
    starting.add_done_callback(lambda task: stop.set() if not task.cancelled() and task.exception() else None)
    clock = clock_of(settings)
    watch = ClockWatch(sink, clock, "ticker", f"ticker-{slot}")
    watching = persistent(watch.keep_looking, name="clock-watch")
    await Ticker(settings, clock, sink, partitions, dues).run(stop)
    watching.cancel()
    if starting.done():
        starting.result()  # the process ends with its fault, and is started again
    starting.cancel()
    await states.close()
    await sink.close()


async def write_history(settings: Settings, slot: str, stop: Stop) -> None:
    """The history writer process."""
    from processors.history.writer import HistoryWriter

    located = settings.model_copy(
        update={"kafka_bootstrap_servers": kafka_of(settings), "clickhouse_url": clickhouse_of(settings)}
    )
    stop.started()
    await HistoryWriter(located, slot).run(stop)


def migrate(settings: Settings) -> None:
    """Topics and tables."""
    count = admin.migrate(answering_kafka_of(settings), settings.partitions, retention_ms=topic_retention(settings))
    if remark := fixed_partitions(settings, count):
        typer.echo(remark)
    applied = clickhouse_migrations.migrate(clickhouse_of(settings))
    clickhouse_retention.apply(clickhouse_of(settings), settings)
    typer.echo(f"topics: {count} partitions each; tables: {', '.join(applied) or 'up to date'}")
    typer.echo(f"kept: {format_retention(settings)}")


def ask(settings: Settings, project: str, request: ProjectsRequest) -> None:
    """Have the `projects` fold carry out a request. Raises `CommandFailed` when it does not."""
    asked = replace(request, actor=operator())
    asyncio.run(_verdict(answering_kafka_of(settings), project, asked))


async def _verdict(bootstrap: str, project: str, request: ProjectsRequest) -> None:
    sink = Sink(bootstrap)
    decisions = Decisions(bootstrap, await asyncio.to_thread(admin.partition_count, bootstrap), sink)
    try:
        await decisions.start()
        decision = await decisions.ask(project, request, timeout=10.0)
    except NoDecision as error:
        raise CommandFailed(f"no answer ({error}): is a worker running?") from error
    finally:
        await decisions.close()
        await sink.close()
    if (rejection := decision.rejection) is not None:
        raise RequestRefused(message_of(rejection), rejection.code)


def project_of(settings: Settings, given: str | None) -> str:
    """The project that a command is about: the one that is named, else that of `credentials.json`."""
    return given or credentials.load(credentials.path_of(settings)).project


@projects.command("create")
def create_project(name: str, json: Json = False) -> None:
    """Create a project with a ping key and a Healthchecks API key. Both are shown only once."""
    settings, now = Settings(), SYSTEM_CLOCK.real()
    answering_kafka_of(settings)  # before a key is made in a folder that is not that of a Pingfold
    id, ping_key, api_key, secret = new_id(), new_ping_key(), new_api_key("healthchecks"), new_webhook_secret()
    project = Project(
        id=id,
        name=name,
        ping_key=ping_key,
        created=now,
        webhook_secret=Vault.open(settings).encrypt(secret, of_project(id)),
    )
    key = stored_api_key(api_key, "healthchecks", id, now, name="first key")
    ask(settings, id, ProjectCreate(request=new_id(), at=now, project=project, keys=(key,)))
    show({"id": id, "name": name, "ping_key": ping_key, "healthchecks_key": api_key, "webhook_secret": secret}, json)


@keys.command("create")
def create_key(
    kind: KeyKind,
    name: str = "",
    scope: Annotated[
        list[str] | None, typer.Option(help="Scope of a poppaping key; repeat for several. Default: all scopes.")
    ] = None,
    days: Annotated[
        int | None, typer.Option(help="Days until the key expires. Default: never.", min=1, max=36_500)
    ] = None,
    project: ProjectOption = None,
    json: Json = False,
) -> None:
    """Create an API key. It is shown only once."""
    if scope and kind != "poppaping":
        raise CommandFailed("--scope: only keys of the kind poppaping have scopes")
    known = get_args(KeyScope)
    if unknown := set(scope or ()) - set(known):
        raise CommandFailed(f"unknown scope: {', '.join(sorted(unknown))}; known scopes are {', '.join(known)}")
    settings, now = Settings(), SYSTEM_CLOCK.real()
    id, secret = project_of(settings, project), new_api_key(kind)
    expires = None if days is None else now + days * 86_400 * SECOND
    key = replace(
        stored_api_key(secret, kind, id, now, name=name),
        scopes=tuple(one for one in known if one in (scope or ())),
        expires=expires,
    )
    ask(settings, id, KeyCreate(request=new_id(), at=now, key=key))
    show({"id": key.id, "kind": kind, "key": secret}, json)


@keys.command("revoke")
def revoke_key(id: str, project: ProjectOption = None) -> None:
    """Revoke an API key."""
    settings = Settings()
    request = KeyRevoke(request=new_id(), at=SYSTEM_CLOCK.real(), id=id)
    ask(settings, project_of(settings, project), request)


@recipients.command("unblock")
def unblock_recipient(
    address: Annotated[str, typer.Argument(help="E-mail address of the recipient.")],
    project: ProjectOption = None,
) -> None:
    """Allow confirmation requests to an address again whose owner has blocked them.

    An address that is not blocked is left unchanged, and the command says so.
    """
    settings = Settings()
    try:
        wanted = msgspec.convert(address, Address)
    except msgspec.ValidationError:
        raise CommandFailed(f"{address} is not an e-mail address") from None
    owner = project_of(settings, project)
    blocked = is_blocked(answering_kafka_of(settings), owner, wanted)
    request = RecipientUnblock(request=new_id(), at=SYSTEM_CLOCK.real(), address=wanted)
    ask(settings, owner, request)
    typer.echo(f"{address} {'may be asked again' if blocked else 'was not blocked'}")


@dead_letters.command("list")
def list_dead_letters(json: Json = False) -> None:
    """List the events that could not be processed, with the reason, oldest first."""
    letters = _dead_letters(Settings())
    if json:
        typer.echo(json_module.dumps([msgspec.to_builtins(letter) for letter in letters], indent=2))
        return
    head = ("time (UTC)", "topic/partition/offset", "key", "reason", "value")
    told = (
        (to_second(letter.at), _where(letter), letter.key or "-", letter.reason, letter.value.decode(errors="replace"))
        for letter in letters
    )
    print_table(head, told)


@dead_letters.command("retry")
def retry_dead_letters(
    where: Annotated[str, typer.Argument(help="TOPIC/PARTITION/OFFSET of one event, or `all`.")],
) -> None:
    """Append the original events to their topics again. Pings and results appear in history and change no status; a
    request of `projects` is decided again, and may be carried out."""
    settings = Settings()
    chosen = [letter for letter in _dead_letters(settings) if where in ("all", _where(letter))]
    if not chosen:
        raise CommandFailed(f"no dead letter {where}; `pingfold dead-letters list` shows them")

    async def put_back() -> None:
        sink = Sink(kafka_of(settings))
        headers = [[(RETRIED_HEADER, _where(letter).encode())] for letter in chosen]
        await asyncio.gather(
            *(
                sink.put(letter.topic, letter.key, letter.value, letter.partition, header)
                for letter, header in zip(chosen, headers, strict=True)
            )
        )
        await sink.close()

    asyncio.run(put_back())
    typer.echo(f"appended {len(chosen)} events again")


def _where(letter: DeadLetter) -> str:
    return f"{letter.topic}/{letter.partition}/{letter.offset}"


def _dead_letters(settings: Settings) -> list[DeadLetter]:
    decode = msgspec.json.Decoder(DeadLetter).decode
    letters = [
        decode(record.value) for record in read_to_end(answering_kafka_of(settings), DEAD_LETTERS) if record.value
    ]
    return sorted(letters, key=lambda letter: (letter.at, letter.topic, letter.partition, letter.offset))


def show(made: Any, as_json: bool) -> None:
    """Print the values of a mapping, a line each; or anything as JSON."""
    typer.echo(json_module.dumps(made) if as_json else "\n".join(f"{name}: {value}" for name, value in made.items()))
