"""`pingfold mute` and `pingfold unmute` of a check, a monitor, a tag or a channel. They connect to Kafka."""

import json as json_module
from collections.abc import Iterator
from typing import Annotated, Any, cast

import msgspec
import typer

from infra.clock import SYSTEM_CLOCK
from infra.log.partitioner import partition_of
from infra.log.reading import ends_of, read_to_end
from infra.settings.durations import parse_duration
from infra.settings.settings import Settings
from pingfold.addresses import answering_kafka_of
from pingfold.commands import admin
from pingfold.commands.options import Json, ProjectOption, project_of
from pingfold.commands.tables import print_table, say
from pingfold.errors import CommandFailed, RequestRefused
from schemas.base import SECOND, Micros
from schemas.definitions import Channel, Check, Definition
from schemas.ids import is_uuid, new_id
from schemas.monitors import Monitor
from schemas.mutes import LAST_MUTE_TIME, MUTE_WORDS, MuteUntil, PlainMute
from schemas.rejections import RejectionCode
from schemas.requests import (
    ChannelFields,
    ChannelUpdate,
    CheckFields,
    CheckUpdate,
    MonitorFields,
    MonitorUpdate,
    TagMuteSet,
)
from schemas.tag_mutes import TagMute, is_tag
from schemas.times import iso, read_iso, to_second
from schemas.topics import DEFINITIONS

_TAG, _CHANNEL = "tag:", "channel:"
_decode: Any = msgspec.json.Decoder(Definition).decode
Target = Annotated[
    str, typer.Argument(help="Id of a check or a monitor, `tag:NAME` (of heartbeat checks), or `channel:ID`.")
]


def mute(
    target: Target,
    until: Annotated[
        str, typer.Argument(help="`recovery`, `forever`, a duration such as 8h, or a time in ISO 8601 (UTC).")
    ] = "forever",
    lasts: Annotated[str | None, typer.Option("--for", help="Duration, such as 8h; the same as the argument.")] = None,
    project: ProjectOption = None,
) -> None:
    """Mute a check, a monitor, a tag or a channel. Statuses change as usual, but no notices are sent.

    `recovery` applies to checks and monitors only. After a mute, notices report what is still down.

    Example: pingfold mute tag:db --for 2h
    """
    now = SYSTEM_CLOCK.real()
    if lasts is not None and until != "forever":
        raise typer.BadParameter("give the argument or --for, not both")
    wanted = read_until(until if lasts is None else lasts, now)
    if wanted == "recovery" and target.startswith((_TAG, _CHANNEL)):
        raise typer.BadParameter("recovery: only a check or a monitor recovers")
    _ask(target, wanted, now, project)
    words = f"{to_second(wanted)} UTC" if isinstance(wanted, int) else wanted
    say(f"{target} is muted until {words}" if wanted != "forever" else f"{target} is muted")


def unmute(target: Target, project: ProjectOption = None) -> None:
    """Unmute a check, a monitor, a tag or a channel. Notices report what is still down.

    Example: pingfold unmute 5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278
    """
    _ask(target, None, SYSTEM_CLOCK.real(), project)
    say(f"{target} is not muted")


def list_mutes(project: ProjectOption = None, json: Json = False) -> None:
    """List the muted checks, monitors, tags and channels of the project.

    Example: pingfold mutes
    """
    settings, now = Settings(), SYSTEM_CLOCK.real()
    owner = project_of(settings, project)
    found = []
    for value in definitions_of(settings, owner).values():
        definition = _decode(value)
        if not isinstance(definition, Check | Monitor | Channel | TagMute) or definition.project != owner:
            continue
        until = definition.until if isinstance(definition, TagMute) else definition.mute_until
        if until is not None and not (isinstance(until, int) and until <= now):
            told = iso(until) if isinstance(until, int) else until
            found.append({"target": _target(definition), "name": getattr(definition, "name", ""), "until": told})
    found.sort(key=lambda one: (not one["target"].startswith(_CHANNEL), one["target"].startswith(_TAG), one["target"]))
    if json:
        typer.echo(json_module.dumps(found, indent=2))
        return
    print_table(("what", "name", "until"), [(one["target"], one["name"], one["until"]) for one in found])


def definitions_of(settings: Settings, project: str) -> dict[str, bytes]:
    """The newest definitions of the partition that a project is in, by key."""
    bootstrap = answering_kafka_of(settings)
    ends = ends_of(bootstrap, DEFINITIONS)
    partition = partition_of(project.encode(), len(ends))
    found: dict[str, bytes] = {}
    for record in read_to_end(bootstrap, DEFINITIONS, {partition: ends[partition]}):
        key = (record.key or b"").decode(errors="replace")
        if record.value is None:
            found.pop(key, None)
        elif key.startswith(("check/", "monitor/", "channel/", "tag-mute/")):
            found[key] = record.value
    return found


def _target(definition: Check | Monitor | Channel | TagMute) -> str:
    """As `mute` and `unmute` take it."""
    if isinstance(definition, TagMute):
        return f"{_TAG}{definition.label}"
    return f"{_CHANNEL}{definition.id}" if isinstance(definition, Channel) else definition.id


def read_until(text: str, now: Micros) -> MuteUntil:
    """What is meant by the argument of the command. Raises `typer.BadParameter`."""
    if text in MUTE_WORDS:
        return MUTE_WORDS[text]
    try:
        seconds = parse_duration(text)
        at = LAST_MUTE_TIME if seconds is None else now + seconds * SECOND
    except ValueError:
        try:
            at = read_iso(text)
        except ValueError:
            raise typer.BadParameter(
                f"{text}: `recovery`, `forever`, a duration such as 8h, or a time such as 2026-02-21T14:30 is expected"
            ) from None
    if not now < at <= LAST_MUTE_TIME:
        raise typer.BadParameter(f"{text} is not in the future")
    return at


def _ask(target: str, until: MuteUntil, now: Micros, project: str | None) -> None:
    settings = Settings()
    owner = project_of(settings, project)
    if target.startswith(_TAG):
        label = target.removeprefix(_TAG)
        if not is_tag(label):
            raise typer.BadParameter(f"{target}: one tag, without blanks, is expected")
        admin.ask(settings, owner, TagMuteSet(request=new_id(), at=now, label=label, until=cast(PlainMute, until)))
        return
    if target.startswith(_CHANNEL):
        id = target.removeprefix(_CHANNEL)
        if not is_uuid(id):
            raise typer.BadParameter(f"{target}: the id of a channel is expected; `pingfold channel list` shows them")
        fields = ChannelFields(mute_until=cast(PlainMute, until))
        admin.ask(settings, owner, ChannelUpdate(request=new_id(), at=now, id=id, fields=fields))
        return
    for request, unknown in _requests(target, until, now):
        try:
            admin.ask(settings, owner, request)
        except RequestRefused as refused:
            if refused.code is not unknown:
                raise
        else:
            return
    raise CommandFailed(f"the project has no check and no monitor {target}")


def _requests(id: str, until: MuteUntil, now: Micros) -> Iterator[tuple[CheckUpdate | MonitorUpdate, RejectionCode]]:
    """What is asked for, one after the other, and what is answered when the id is of no such thing."""
    check, monitor = CheckFields(mute_until=until), MonitorFields(mute_until=until)
    yield CheckUpdate(request=new_id(), at=now, id=id, fields=check), RejectionCode.CHECK_NOT_FOUND
    yield MonitorUpdate(request=new_id(), at=now, id=id, fields=monitor), RejectionCode.MONITOR_NOT_FOUND
