"""`pingfold mute` and `pingfold unmute`: for a check or a monitor, whichever has the id, a tag, or a channel.

They reach Kafka itself.
"""

from collections.abc import Iterator
from typing import Annotated, cast

import typer

from infra.clock import SYSTEM_CLOCK
from infra.settings.durations import parse_duration
from infra.settings.settings import Settings
from pingfold.commands import admin
from pingfold.commands.options import ProjectOption, project_of
from pingfold.errors import CommandFailed, RequestRefused
from schemas.base import SECOND, Micros
from schemas.ids import is_uuid, new_id
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
from schemas.tag_mutes import is_tag
from schemas.times import read_iso, to_second

_TAG, _CHANNEL = "tag:", "channel:"
Target = Annotated[
    str, typer.Argument(help="Id of a check or a monitor, `tag:NAME` (of heartbeat checks), or `channel:ID`.")
]


def mute(
    target: Target,
    until: Annotated[
        str, typer.Argument(help="`recovery`, `forever`, a duration such as 8h, or a time in ISO 8601 (UTC).")
    ] = "forever",
    lasts: Annotated[str | None, typer.Option("--for", help="How long, such as 8h: the same as the argument.")] = None,
    project: ProjectOption = None,
) -> None:
    """Tell nobody of a check, a monitor or what has a tag, or send nothing to a channel. All is judged as always.

    Until recovery: only a check or a monitor. When a mute ends, what is still down and not known is told.

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
    typer.echo(f"{target} is muted until {words}" if wanted != "forever" else f"{target} is muted")


def unmute(target: Target, project: ProjectOption = None) -> None:
    """Tell people again of a check, a monitor, a tag, or send to a channel again. What nobody knows is told now.

    Example: pingfold unmute 5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278
    """
    _ask(target, None, SYSTEM_CLOCK.real(), project)
    typer.echo(f"{target} is not muted")


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
        raise typer.BadParameter(f"{text} is not a time that is to come")
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
