"""Decisions of the `projects` fold about calendars that are fetched for on-call rotations. Pure.

The contract:

- A fetched calendar replaces its earlier overrides in one event. Its overrides are marked; others stay, and take
  precedence, so that people have the last word.
- A calendar that cannot be applied as a whole (too many overrides, a deleted channel) is rejected without any change.
- A failure changes no override, however long it lasts. After `TELL_AFTER` the channels of the project are notified,
  once; and again for the next failure after a success.
- Results from an earlier URL have no effect.
"""

from typing import Any

from msgspec.structs import replace

from processors.fold.contract import Effect
from processors.fold.view import View
from processors.projects.decisions import decision
from processors.projects.index import ProjectIndex, RequestRejected
from processors.projects.on_call import ProjectOnCall
from schemas.base import Micros
from schemas.calendar_feeds import (
    TELL_AFTER,
    CalendarFailed,
    CalendarFeed,
    CalendarRead,
    CalendarRequest,
    CalendarSet,
    calendar_key,
)
from schemas.definitions import Channel, Project, definition_key
from schemas.deliveries import DeliveryRequested
from schemas.ids import derived_id
from schemas.notices import CALENDAR_FAILING
from schemas.on_call import OnCallRotation
from schemas.rejections import RejectionCode
from schemas.times import iso
from schemas.topics import DELIVERIES

MOST_TOLD = 100


class ProjectCalendarFeeds:
    """The feeds of one partition's projects."""

    def __init__(self, view: View, index: ProjectIndex, on_call: ProjectOnCall) -> None:
        self._view, self._index, self._on_call = view, index, on_call

    def decide(self, request: CalendarRequest, project: Project, at: Micros) -> list[Effect]:
        rotation = self._index.rotation(project.id, request.id)
        known = self._view.get(calendar_key(rotation.id))
        if isinstance(request, CalendarSet):
            return self._set(request, rotation, known, at)
        if not isinstance(known, CalendarFeed) or known.version != request.version:
            raise RequestRejected(RejectionCode.CHANGED_MEANWHILE)
        if isinstance(request, CalendarFailed):
            return self._failed(request, rotation, known, at)
        return self._read(request, rotation, known, at)

    def _set(
        self, request: CalendarSet, rotation: OnCallRotation, known: CalendarFeed | None, at: Micros
    ) -> list[Effect]:
        if request.url is None:
            self._view.delete(calendar_key(rotation.id))
            rotation, effects = self._on_call.replace_fetched(rotation, (), at)
            return [*effects, decision(request, "updated", rotation.id, rotation.version)]
        # Of a feed that was removed nothing is left to count on from; the time is later than all it had.
        version = at if known is None else known.version + 1
        created = at if known is None else known.created
        feed = CalendarFeed(
            id=rotation.id,
            project=rotation.project,
            version=version,
            created=created,
            url=request.url,
            host=request.host,
            changed=None if known is None else known.changed,
        )
        self._view.put(definition_key(feed), feed)
        return [decision(request, "updated", rotation.id, rotation.version)]

    def _read(self, request: CalendarRead, rotation: OnCallRotation, known: CalendarFeed, at: Micros) -> list[Effect]:
        changed, effects = self._on_call.replace_fetched(rotation, request.overrides, at)
        feed = replace(known, left_out=request.left_out, failing_since=None, error="", told=False)
        if effects or known.changed is None:
            feed = replace(feed, changed=at)
        if feed != known:
            self._view.put(definition_key(feed), feed)
        return [*effects, decision(request, "updated", changed.id, changed.version)]

    def _failed(
        self, request: CalendarFailed, rotation: OnCallRotation, known: CalendarFeed, at: Micros
    ) -> list[Effect]:
        since = at if known.failing_since is None else known.failing_since
        feed = replace(known, failing_since=since, error=request.error)
        effects: list[Effect] = []
        if not known.told and at - since >= TELL_AFTER:
            feed = replace(feed, told=True)
            effects = self._tell(rotation, feed, at)
        if feed != known:
            self._view.put(definition_key(feed), feed)
        return [*effects, decision(request, "updated", rotation.id, rotation.version)]

    def _tell(self, rotation: OnCallRotation, feed: CalendarFeed, at: Micros) -> list[Effect]:
        assert feed.failing_since is not None
        channels: list[Channel] = [self._view.get(f"channel/{id}") for id in self._index.channels(rotation.project)]
        request = DeliveryRequested(
            transition=derived_id(rotation.id, "calendar", feed.version, feed.failing_since),
            at=at,
            notices=(CALENDAR_FAILING,),
            data=_data(rotation, feed),
        )
        told = [channel.id for channel in channels if channel.disabled_at is None][:MOST_TOLD]
        return [Effect(DELIVERIES, id, request) for id in told]


def _data(rotation: OnCallRotation, feed: CalendarFeed) -> dict[str, Any]:
    """`monitor` is there for receivers that read of every notice which thing it is about."""
    assert feed.failing_since is not None
    return {
        "on_call": {"id": rotation.id, "name": rotation.name, "host": feed.host},
        "monitor": {
            "id": rotation.id,
            "name": rotation.name,
            "url": "/",
            "kind": "on-call rotation",
            "current_status": "down",
        },
        "incident": None,
        "detail": f"not read since {iso(feed.failing_since)}: {feed.error}",
    }
