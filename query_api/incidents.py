"""Open incidents, their acknowledgements and comments, for the APIs and pages.

The states have the open incidents. The fold of the check or monitor decides which acknowledgement was first; the result
is returned when this process can show it.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import NamedTuple

from query_api.commands import Late, ask, wait_until
from query_api.dependencies import Dependencies
from schemas.actors import Actor
from schemas.base import SECOND, Micros
from schemas.decisions import Decision
from schemas.definitions import Channel, Check
from schemas.ids import new_id
from schemas.incidents import Acknowledged, ThingType, changes_own
from schemas.monitors import Monitor
from schemas.requests import IncidentAcknowledge, IncidentComment, IncidentRelease

# So many things are looked at before other requests have their turn.
_AT_ONCE = 200
# How long a snooze may be. A shorter one would be over before anybody could be told of it.
SHORTEST_SNOOZE: Micros = 60 * SECOND
LONGEST_SNOOZE: Micros = 366 * 86_400 * SECOND


class OpenIncident(NamedTuple):
    """An incident that is open, and the check or monitor that it is of."""

    id: str
    kind: ThingType
    thing: str
    project: str
    name: str
    started: Micros
    cause: str
    partial: bool
    acknowledged: Acknowledged | None


def open_incident(deps: Dependencies, thing: str) -> OpenIncident | None:
    """The incident that is open of a check or a monitor; None when there is none."""
    if (monitor := deps.directory.monitor(thing)) is not None:
        state = deps.monitor_states.state(thing)
        if state is None or state.incident is None or state.down_since is None:
            return None
        return OpenIncident(
            state.incident,
            "monitor",
            thing,
            monitor.project,
            monitor.name,
            state.down_since,
            state.cause,
            state.partial,
            state.acknowledged,
        )
    if (check := deps.directory.check(thing)) is not None:
        running = deps.states.state(thing)
        if running is None or running.incident is None or running.down_since is None:
            return None
        name = check.name or check.slug or check.id
        return OpenIncident(
            running.incident,
            "check",
            thing,
            check.project,
            name,
            running.down_since,
            running.cause,
            False,
            running.acknowledged,
        )
    return None


async def find_open(deps: Dependencies, project: str, id: str) -> OpenIncident | None:
    """The open incident of a project with this id, or of the thing with this id; None when there is none."""
    direct = open_incident(deps, id)
    if direct is not None:
        return direct if direct.project == project else None
    number = 0
    async for thing in _things(deps, project):
        number += 1
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
        if (found := open_incident(deps, thing)) is not None and found.id == id:
            return found
    return None


async def _things(deps: Dependencies, project: str) -> AsyncIterator[str]:
    for monitor in deps.directory.monitors_of(project):
        yield monitor.id
    for check in deps.directory.checks_of(project):
        yield check.id


async def open_of_channel(deps: Dependencies, channel: Channel) -> AsyncIterator[OpenIncident]:
    """The open incidents of the things that tell a channel, or of which it was told by an escalation, one by one."""
    number = 0
    directory, project = deps.directory, channel.project
    things: tuple[Iterable[Monitor | Check], ...] = (directory.monitors_of(project), directory.checks_of(project))
    for definitions in things:
        for thing in definitions:
            number += 1
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
            is_check = isinstance(thing, Check)
            state = deps.states.state(thing.id) if is_check else deps.monitor_states.state(thing.id)
            if state is None or state.incident is None:  # so are nearly all
                continue
            told = () if state.escalation is None else state.escalation.told
            if channel.id not in thing.channels and channel.id not in told:
                continue
            if (found := open_incident(deps, thing.id)) is not None:
                yield found


def wrong_snooze(until: Micros, now: Micros) -> str:
    """What the end of a snooze must be, if it is not; empty when it is."""
    if until <= now:
        return "a time in the future"
    if until - now < SHORTEST_SNOOZE:
        return "at least a minute ahead"
    return "at most a year ahead" if until - now > LONGEST_SNOOZE else ""


class Taken(NamedTuple):
    """What became of an acknowledgement. acknowledged: the one that counts; None: the incident is over.

    first: it is the one that was asked for. rejected: the decision, where the fold of projects refused it.
    """

    acknowledged: Acknowledged | None = None
    first: bool = False
    rejected: Decision | None = None


async def acknowledge(
    deps: Dependencies, incident: OpenIncident, actor: Actor, by: str, comment: str = "", until: Micros | None = None
) -> Taken:
    """Acknowledge an incident, or change an acknowledgement of the same `by`. by: who, in words. Raises `Late`."""
    if (said := incident.acknowledged) is not None and not changes_own(said, by, comment, until):
        return Taken(said)
    request = IncidentAcknowledge(
        request=new_id(),
        at=deps.clock.now(),
        kind=incident.kind,
        thing=incident.thing,
        incident=incident.id,
        by=by,
        comment=comment,
        until=until,
    )
    decision = await ask(deps, incident.project, request, actor)
    if decision.rejection is not None:
        return Taken(rejected=decision)

    before = "" if incident.acknowledged is None else incident.acknowledged.request

    def is_settled() -> bool:
        now = open_incident(deps, incident.thing)
        if now is None or now.id != incident.id:
            return True
        return now.acknowledged is not None and now.acknowledged.request != before

    await wait_until(deps.states_replica, is_settled)
    now = open_incident(deps, incident.thing)
    if now is None or now.id != incident.id:
        return Taken()
    if now.acknowledged is None or now.acknowledged.request == before:
        raise Late("the acknowledgement is stored, but whether it counts is not known yet")
    return Taken(now.acknowledged, now.acknowledged.request == request.request)


async def release(deps: Dependencies, incident: OpenIncident, actor: Actor, by: str, comment: str) -> Decision:
    """Give back the acknowledgement of an incident; what the fold of projects decides. Raises `Late`."""
    before = incident.acknowledged
    decision = await _say(deps, IncidentRelease, incident, actor, by, comment)

    def is_released() -> bool:
        now = open_incident(deps, incident.thing)
        return now is None or now.id != incident.id or before is None or now.acknowledged != before

    if decision.rejection is None:
        await wait_until(deps.states_replica, is_released)
        if not is_released():
            raise Late("the release is stored, but cannot be read back yet")
    return decision


async def comment_on(deps: Dependencies, incident: OpenIncident, actor: Actor, by: str, comment: str) -> Decision:
    """Comment on an incident; what the fold of projects decides. Raises `Late`."""
    return await _say(deps, IncidentComment, incident, actor, by, comment)


async def _say(
    deps: Dependencies,
    kind: type[IncidentRelease | IncidentComment],
    incident: OpenIncident,
    actor: Actor,
    by: str,
    comment: str,
) -> Decision:
    request = kind(
        request=new_id(),
        at=deps.clock.now(),
        kind=incident.kind,
        thing=incident.thing,
        incident=incident.id,
        comment=comment,
        by=by,
    )
    return await ask(deps, incident.project, request, actor)
