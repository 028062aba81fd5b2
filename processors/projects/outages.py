"""Notices to projects about outages of Pingfold itself (`system.outage`), after their end, once for each. Pure.

The contract:

- The fold of checks reports the end of an outage to the partition with its own number, and both folds report to a
  project what they could not observe. All reports within `GATHERED` of the first are one outage with one notice. Later
  reports are covered by the notices of the checks and monitors themselves.
- Only channels that take the notice get it, once each. With repeated outages, a project gets at most `MOST_A_DAY`
  notices within a day.
- An index has those channels and the due times. It follows the view, so it needs no rollback when an event is undone.
"""

import msgspec
from msgspec.structs import replace

from processors.fold.contract import Effect, InvalidEvent
from processors.fold.view import View
from schemas.base import SECOND, Micros
from schemas.definitions import Channel
from schemas.deliveries import DeliveryRequested
from schemas.ids import derived_id
from schemas.notices import Notice
from schemas.project_news import OutageEnded, ThingsUnobserved
from schemas.project_outages import NAMED, ProjectOutage, ProjectOutages, outage_data, outages_key
from schemas.ticks import NEVER
from schemas.times import LAST
from schemas.topics import DELIVERIES

OUTAGE: Notice = "system.outage"
# The partitions of the checks see the end within seconds, and most monitors are probed again by then.
GATHERED: Micros = 120 * SECOND
# Of those that were told so many are remembered.
KEPT = 40
MOST_A_DAY = 10
MOST_TOLD = 100
_DAY: Micros = 86_400 * SECOND


class ProjectOutageNews:
    """The outages that the projects of one partition hear of."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._channels: dict[str, set[str]] = {}
        self._tell: dict[str, Micros] = {}
        for key, record in view.items_but_packed():
            self._changed(key, None, record)
        view.listeners.append(self._changed)

    def _changed(self, key: str, old: msgspec.Struct | None, new: msgspec.Struct | None) -> None:
        if isinstance(old, Channel) and OUTAGE in old.notices:
            channels = self._channels[old.project]
            channels.discard(old.id)
            if not channels:
                del self._channels[old.project]
        if isinstance(new, Channel) and OUTAGE in new.notices:
            self._channels.setdefault(new.project, set()).add(new.id)
        if isinstance(old, ProjectOutages):
            self._tell.pop(key, None)
        if isinstance(new, ProjectOutages):
            due = [outage.tell_at for outage in new.outages if outage.tell_at is not None]
            if due:
                self._tell[key] = min(due)

    def due(self) -> Micros:
        """When a project is to be told."""
        return min(self._tell.values(), default=NEVER)

    def heard(self, event: OutageEnded | ThingsUnobserved, key: str, time: Micros) -> None:
        """Another fold tells of an outage. time: when that counts. Raises `InvalidEvent`."""
        if not 0 <= event.start <= event.end:
            raise InvalidEvent("an outage cannot end before it began")
        if event.end > LAST:
            raise InvalidEvent("an outage cannot end then")  # no text could tell it, and no tick would pass it
        if isinstance(event, OutageEnded):
            for project in sorted(self._channels):
                self._note(project, ProjectOutage(event.start, event.end), time)
        elif key in self._channels:
            checks, monitors = (event.count, 0) if event.kind == "check" else (0, event.count)
            self._note(key, ProjectOutage(event.start, event.end, checks, monitors, event.names[:NAMED]), time)

    def _note(self, project: str, new: ProjectOutage, time: Micros) -> None:
        known = self._view.get(outages_key(project))
        outages = list(known.outages) if isinstance(known, ProjectOutages) else []
        for place, outage in enumerate(outages):
            if outage.tell_at is not None and _is_near(outage, new, GATHERED):
                outages[place] = _joined(outage, new)
                break
        else:
            if any(outage.tell_at is None and _is_near(outage, new, 0) for outage in outages):
                return
            outages.append(replace(new, tell_at=time + GATHERED))
        told = [outage for outage in outages if outage.tell_at is None]
        kept = tuple(outage for outage in outages if outage not in told[:-KEPT])
        self._view.put(outages_key(project), ProjectOutages(id=project, outages=kept))

    def tick(self, time: Micros) -> list[Effect]:
        """Tell of what is due."""
        effects: list[Effect] = []
        for key in sorted(key for key, due in self._tell.items() if due <= time):
            record = self._view.get(key)
            assert isinstance(record, ProjectOutages)
            told = [each for each in record.outages if each.tell_at is None and not each.silent]
            left, after = MOST_A_DAY - sum(1 for each in told if time - each.end < _DAY), list[ProjectOutage]()
            for outage in record.outages:
                if outage.tell_at is None or outage.tell_at > time:
                    after.append(outage)
                    continue
                after.append(replace(outage, tell_at=None, silent=left <= 0))
                if left > 0:
                    effects += self._told(record.id, outage)
                    left -= 1
            self._view.put(key, replace(record, outages=tuple(after)))
        return effects

    def _told(self, project: str, outage: ProjectOutage) -> list[Effect]:
        channels = [self._view.get(f"channel/{id}") for id in sorted(self._channels.get(project, ()))]
        request = DeliveryRequested(
            transition=derived_id(project, "outage", outage.start, outage.end),
            at=outage.end,
            notices=(OUTAGE,),
            data=outage_data(outage, project),
        )
        to = [channel for channel in channels if channel.disabled_at is None]
        return [Effect(DELIVERIES, channel.id, request) for channel in to[:MOST_TOLD]]

    def correct(self, time: Micros) -> None:
        """The time has run ahead and is taken back: nobody waits until it is there again."""
        for key in sorted(self._tell):
            record = self._view.get(key)
            earlier = (
                each if each.tell_at is None else replace(each, tell_at=min(each.tell_at, time + GATHERED))
                for each in record.outages
            )
            self._view.put(key, replace(record, outages=tuple(earlier)))


def _is_near(one: ProjectOutage, other: ProjectOutage, most: Micros) -> bool:
    return other.start <= one.end + most and one.start <= other.end + most


def _joined(one: ProjectOutage, other: ProjectOutage) -> ProjectOutage:
    return ProjectOutage(
        start=min(one.start, other.start),
        end=max(one.end, other.end),
        checks=one.checks + other.checks,
        monitors=one.monitors + other.monitors,
        names=(*one.names, *other.names)[:NAMED],
        tell_at=one.tell_at,
    )
