"""`pingfold what-if`: the alerts that other settings would have caused from the same events.

The command reads Kafka and does not use a web process, because a year of events takes minutes. It changes nothing and
sends no notices.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import msgspec
import typer

from infra.clock import clock_of
from infra.settings.settings import Settings
from pingfold.addresses import answering_kafka_of
from pingfold.commands.mutes import definitions_of
from pingfold.commands.options import Json, ProjectOption, project_of
from pingfold.errors import CommandFailed
from pingfold.folds import FOLDS
from pingfold.what_if.run import Tell, answer
from pingfold.what_if.text import show
from processors.fold.epochs import NewerStates
from processors.refold.log import KafkaLog
from processors.refold.snapshots import Damaged
from processors.what_if.alerts import TooManyAlerts
from query_api.what_if.objects import what_if_object
from query_api.what_if.question import ALL, DEFAULT_SINCE, Inventory, Said, question_of
from query_api.what_if.settings import InvalidQuestion
from schemas.definitions import Channel, Check, Definition
from schemas.monitors import Monitor

_decode: Any = msgspec.json.Decoder(Definition).decode


def what_if(
    thing: Annotated[
        str,
        typer.Argument(help="A check or monitor (id, name or slug), `tag:NAME`, or `project` for the whole project."),
    ] = ALL,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting, such as grace=20m or confirmations=3; repeat for several."),
    ] = None,
    sweep: Annotated[
        str | None,
        typer.Option(
            help="Try several values: grace=5m..1h, grace=5m..1h/5m, grace=5m,20m,1h, schedule='Mon..Fri 02:00|@daily'."
        ),
    ] = None,
    since: Annotated[str, typer.Option(help="Start: a duration before now, or a time (UTC).")] = DEFAULT_SINCE,
    until: Annotated[str | None, typer.Option(help="End. Default: now.")] = None,
    short: Annotated[str | None, typer.Option(help="Downtimes shorter than this count as short. Default: 5m.")] = None,
    project: ProjectOption = None,
    json: Json = False,
) -> None:
    """Compare the alerts and the uptime with those that other settings would have caused.

    The command folds all events again with the given settings. It changes nothing.

    Example: pingfold what-if tag:nightly --set grace=20m --since 30d
    """
    own = Settings()
    inventory = _inventory(own, project_of(own, project))
    said = Said(thing=thing, set=_pairs(settings or []), sweep=sweep, since=since, until=until, short=short)
    try:
        question = question_of(said, inventory, clock_of(own).now())
    except InvalidQuestion as invalid:
        option = {"set": "--set", "thing": "THING"}.get(invalid.field, f"--{invalid.field}")
        raise CommandFailed(f"{option} {invalid.text}") from None
    try:
        with _progress() as tell:
            found = answer(question, KafkaLog(answering_kafka_of(own)), FOLDS, own.data / "snapshots", tell)
    except (TooManyAlerts, NewerStates, Damaged) as error:
        raise CommandFailed(str(error)) from None
    told = what_if_object(question, found)
    if json:
        typer.echo(msgspec.json.format(msgspec.json.encode(told), indent=2).decode())
    else:
        show(told, {channel.id: channel.name or channel.kind for channel in inventory.channels})


def _pairs(given: list[str]) -> dict[str, object]:
    pairs: dict[str, object] = {}
    for one in given:
        name, equals, value = one.partition("=")
        name = name.strip()
        if not equals or not name:
            raise CommandFailed(f"--set {one[:60]}: a setting and its value are expected, such as grace=20m")
        if name in pairs:
            raise CommandFailed(f"--set {name} is given twice; --sweep tries several values")
        pairs[name] = value
    return pairs


def _inventory(settings: Settings, project: str) -> Inventory:
    found = [_decode(value) for value in definitions_of(settings, project).values()]
    own = [one for one in found if isinstance(one, Check | Monitor | Channel) and one.project == project]
    return Inventory(
        project,
        [one for one in own if isinstance(one, Check)],
        [one for one in own if isinstance(one, Monitor)],
        [one for one in own if isinstance(one, Channel)],
    )


@contextmanager
def _progress() -> Iterator[Tell]:
    """Shows on a terminal how far it is; standard output stays for the answer."""
    if not sys.stderr.isatty():
        yield lambda _read, _total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("folding")
        yield lambda read, total: bar.update(task, completed=read, total=total)
