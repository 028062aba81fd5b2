"""`pingfold mute` and `pingfold unmute`: for a check or a monitor, whichever has the id. They reach Kafka itself."""

from collections.abc import Iterator
from typing import Annotated

import typer

from infra.clock import SYSTEM_CLOCK
from infra.settings.durations import parse_duration
from infra.settings.settings import Settings
from pingfold.commands import admin
from pingfold.commands.options import ProjectOption, project_of
from pingfold.errors import CommandFailed, RequestRefused
from schemas.base import SECOND, Micros
from schemas.ids import new_id
from schemas.mutes import LAST_MUTE_TIME, MUTE_WORDS, MuteUntil
from schemas.rejections import RejectionCode
from schemas.requests import CheckFields, CheckUpdate, MonitorFields, MonitorUpdate
from schemas.times import read_iso, to_second

Thing = Annotated[str, typer.Argument(help="Id of a check or a monitor.")]


def mute(
    id: Thing,
    until: Annotated[
        str, typer.Argument(help="`recovery`, `forever`, a duration such as 8h, or a time in ISO 8601 (UTC).")
    ] = "forever",
    project: ProjectOption = None,
) -> None:
    """Tell nobody of a check or a monitor. It is probed and judged as always, and its incidents are recorded.

    Example: pingfold mute 5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278 8h
    """
    now = SYSTEM_CLOCK.real()
    wanted = read_until(until, now)
    _ask(id, wanted, now, project)
    words = f"{to_second(wanted)} UTC" if isinstance(wanted, int) else wanted
    typer.echo(f"{id} is muted until {words}" if wanted != "forever" else f"{id} is muted")


def unmute(id: Thing, project: ProjectOption = None) -> None:
    """Tell people again of a check or a monitor. If it is down, and nobody knows, that is told now.

    Example: pingfold unmute 5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278
    """
    _ask(id, None, SYSTEM_CLOCK.real(), project)
    typer.echo(f"{id} is not muted")


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


def _ask(id: str, until: MuteUntil, now: Micros, project: str | None) -> None:
    settings = Settings()
    owner = project_of(settings, project)
    for request, unknown in _requests(id, until, now):
        try:
            admin.ask(settings, owner, request)
        except RequestRefused as refused:
            if refused.code is not unknown:
                raise
        else:
            return
    raise CommandFailed(f"the project has no check and no monitor {id}")


def _requests(id: str, until: MuteUntil, now: Micros) -> Iterator[tuple[CheckUpdate | MonitorUpdate, RejectionCode]]:
    """What is asked for, one after the other, and what is answered when the id is of no such thing."""
    check, monitor = CheckFields(mute_until=until), MonitorFields(mute_until=until)
    yield CheckUpdate(request=new_id(), at=now, id=id, fields=check), RejectionCode.CHECK_NOT_FOUND
    yield MonitorUpdate(request=new_id(), at=now, id=id, fields=monitor), RejectionCode.MONITOR_NOT_FOUND
