"""Pulse checks: heartbeat checks as the updown API has them (docs/compatibility/updown.md, "Pulse").

They are the checks of the Management API: what one API makes, the other shows, changes and deletes. The URL that pulses
go to is told by the answers to POST and PUT alone.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import Response
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from query_api import commands
from query_api.commands import Late, gone
from query_api.slugs import slugify
from query_api.updown.auth import Caller
from query_api.updown.check_object import UpdownCheck
from query_api.updown.durations import seconds_of
from query_api.updown.errors import UpdownError, fault
from query_api.updown.judge import Judge
from query_api.updown.mute_words import asked_mute
from query_api.updown.pulse_object import pulse_object, pulse_url
from query_api.updown.recipient_ids import named
from query_api.updown.responses import UpdownDeleted, answer
from query_api.updown.service import Service, late_error
from query_api.updown.unchanged import without_unchanged
from query_api.updown.uptimes import ProjectUptimes
from schemas.base import Micros
from schemas.definitions import Channel, Check
from schemas.ids import new_id
from schemas.monitors import Monitor
from schemas.pings import CheckPaused, CheckResumed
from schemas.requests import CheckCreate, CheckDelete, CheckFields, CheckUpdate
from schemas.schedules import Simple
from schemas.topics import PINGS
from schemas.updown_checks import shown_period

SHORTEST_PERIOD, LONGEST_PERIOD = 15, 2_678_400
DEFAULT_PERIOD = 60
LONGEST_ALIAS = 100
_MOST_RECIPIENTS = 1_000
# So many checks are looked at in one go, before other requests get their turn.
_AT_ONCE = 256


def is_pulse(parameters: Mapping[str, Any]) -> bool:
    """Whether a new check is to be one."""
    return parameters.get("type") == "pulse"


async def create(service: Service, caller: Caller) -> Response:
    """Make a pulse check."""
    deps = service.deps
    wanted, enabled = fields_of(caller.parameters, None, deps.directory.channels_of(caller.project), deps.clock.now())
    request = CheckCreate(request=new_id(), at=deps.clock.now(), id=new_id(), fields=_with_slug(service, wanted))
    check = await service.read_back(await service.ask(caller, request), deps.directory.check)
    if enabled is False:
        await _append(service, caller, check, CheckPaused(at=deps.clock.now()))
    return answer(await shown(service, caller, check, with_url=True), 201)


async def shown(service: Service, caller: Caller, check: Check, with_url: bool = False) -> UpdownCheck:
    """One, as fresh as it can be had."""
    await service.freshness.of_check(check)
    presenter = Presenter(service, caller.project, await service.uptimes.of(caller.project))
    return presenter.object(check, with_url)


async def change(service: Service, caller: Caller, check: Check) -> Response:
    """Change what is given."""
    deps = service.deps
    parameters = without_unchanged(caller.parameters, await shown(service, caller, check))
    wanted, enabled = fields_of(parameters, check, deps.directory.channels_of(caller.project), deps.clock.now())
    request = CheckUpdate(request=new_id(), at=deps.clock.now(), id=check.id, fields=_with_slug(service, wanted))
    check = await service.read_back(await service.ask(caller, request), deps.directory.check)
    if enabled is not UNSET:
        await service.freshness.of_check(check)
        state = deps.states.state(check.id)
        if enabled is not (state is None or state.status != "paused"):
            event = CheckResumed if enabled else CheckPaused
            await _append(service, caller, check, event(at=deps.clock.now()))
    return answer(await shown(service, caller, check, with_url=True))


async def delete(service: Service, caller: Caller, check: Check) -> Response:
    """Delete one for good."""
    await service.ask(caller, CheckDelete(request=new_id(), at=service.deps.clock.now(), id=check.id))
    await gone(service.deps, service.deps.directory.check, check.id)
    return answer(UpdownDeleted(True))


class Presenter:
    """Shows the pulse checks of a project, without their URLs."""

    def __init__(self, service: Service, project: str, uptimes: ProjectUptimes) -> None:
        self._service, self._uptimes = service, uptimes
        self._channels = {channel.id: channel for channel in service.deps.directory.channels_of(project)}

    def object(self, check: Check, with_url: bool = False) -> UpdownCheck:
        """The check as this process can show it now."""
        deps = self._service.deps
        state = deps.states.state(check.id)
        uptime = self._uptimes.of(check, state)
        url = pulse_url(deps.settings.pulse_base, check, with_url)
        return pulse_object(check, state, self._channels, uptime, url)


async def with_pulses(service: Service, project: str) -> list[Monitor | Check]:
    """The monitors and the heartbeat checks of a project, oldest first, each once, as fresh as they can be had.

    What an older version made is left out until it has its token, for a moment after the upgrade.
    """
    directory = service.deps.directory
    things: list[Monitor | Check] = [monitor for monitor in directory.monitors_of(project) if monitor.token]
    checks = []
    for number, check in enumerate(directory.checks_of(project), 1):
        if check.token:
            checks.append(check)
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
    if not checks:
        return things
    await service.freshness.of_list(checks)
    return sorted([*things, *checks], key=lambda thing: (thing.created, thing.id))


def fields_of(
    parameters: Mapping[str, Any], current: Check | None, channels: Iterable[Channel], now: Micros
) -> tuple[CheckFields, bool | UnsetType]:
    """What a request changes, and whether the check is to be enabled. `current` None: a new one. Raises `UpdownError`.

    A period that is the one that is shown changes nothing: a check that was made elsewhere keeps its schedule.
    Parameters that mean something for other types only are ignored: clients send all that they know.
    """
    judge = Judge(parameters)
    said: dict[str, Any] = {}
    if current is not None and judge.given("type") not in (UNSET, None, "", "pulse"):
        judge.wrong("type", "cannot be changed from pulse", judge.given("type"))
    period = _period(judge)
    if period is UNSET and current is None and not judge.faults:
        period = DEFAULT_PERIOD
    if period is not UNSET and (current is None or period != shown_period(current)):
        said |= {"schedule": Simple(period), "late_limit": 0}
    alias = judge.text("alias", LONGEST_ALIAS)
    if alias is not UNSET:
        said["name"] = alias or ""
    enabled = judge.boolean("enabled", True)
    mute = asked_mute(judge, now)
    if mute is not UNSET:
        said["mute_until"] = mute
    recipients = judge.texts("recipients", _MOST_RECIPIENTS)
    if recipients is not UNSET:
        known, strangers = named(recipients, channels)
        if strangers:
            judge.wrong("recipients", "is not included in the list", strangers)
        said["channels"] = ",".join(channel.id for channel in known)
    elif current is None:
        said["channels"] = "*"
    judge.must_be_well()
    return CheckFields(**said), enabled


def _period(judge: Judge) -> int | UnsetType:
    """Whole seconds, or words such as `25 hours`."""
    value = judge.given("period")
    if value is UNSET or value is None or value == "":
        return UNSET
    number = isinstance(value, int | float) and not isinstance(value, bool)
    seconds = seconds_of(str(value)) if number or isinstance(value, str) else None
    if seconds is None:
        return judge.wrong("period", "is not a duration", value)
    if not SHORTEST_PERIOD <= seconds <= LONGEST_PERIOD:
        return judge.wrong("period", "must be from 15 seconds to 1 month", value)
    return seconds


def must_not_become_one(parameters: Mapping[str, Any]) -> None:
    """Raises `UpdownError` when a check of another type is to become a pulse check."""
    if is_pulse(parameters):
        raise UpdownError(400, fault("type", "cannot be changed to pulse", "pulse"))


def _with_slug(service: Service, wanted: CheckFields) -> CheckFields:
    """With a slug that follows the name, where the settings say that it does."""
    if service.deps.settings.slugs != "from-name" or wanted.name is UNSET:
        return wanted
    return replace(wanted, slug_when_renamed=slugify(wanted.name))


async def _append(service: Service, caller: Caller, check: Check, event: CheckPaused | CheckResumed) -> None:
    """Pause or resume; what is read after it shows it."""
    try:
        [position] = await commands.append(service.deps, PINGS, check.id, replace(event, actor=service.actor(caller)))
    except Late as late:
        raise late_error(late) from None
    service.freshness.wrote(position)
