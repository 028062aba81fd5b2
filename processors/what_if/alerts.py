"""The alerts and the uptime that follow from what a fold says. Pure.

The contract:

- An alert begins with the first request to send that tells at least one channel of a trouble which takes such notices.
  Further requests about it (reminders, steps of an escalation) belong to it. It ends when the status changes.
- A channel takes the notices that it takes now, whatever it took then; one that is gone takes what a channel takes
  that chooses nothing. What a channel then does with a notice (quiet hours, lists, retries) is not judged here.
- Of [since, until) alerts are kept by the time at which they were told. One that was told before `since` is known, so
  that what is said of it later is no new alert.
- Memory: one small record for each thing, and for each alert; all logs that share a `Room` keep no more than it has.
"""

from collections.abc import Iterable, Mapping

from processors.errors import ProcessorError
from processors.fold.contract import Effect
from schemas.base import Micros
from schemas.deliveries import DeliveryRequested
from schemas.notices import ACKNOWLEDGED, DEFAULT_NOTICES, INCIDENT_NOTICES, OPENING, AnyNotice, Notice
from schemas.transitions import StatusChanged, VisibleStatus
from schemas.what_if.answers import Alert, Watched

# Of the things and cases of one partition.
MOST_ALERTS = 200_000

_UP: frozenset[VisibleStatus] = frozenset({"up", "late"})
# They tell of a trouble that is known: that it is over, or that somebody takes care of it.
_CLOSING = frozenset({"monitor.recovered", "incident.resolved", ACKNOWLEDGED})
# Notices of a trouble that lasts until the status changes.
_LASTING: Mapping[str, str] = {"monitor.late": "late", "monitor.not_observed": "not observed"}
_ANY_CHANNEL = frozenset((*DEFAULT_NOTICES, *INCIDENT_NOTICES))


class TooManyAlerts(ProcessorError):
    """More alerts than can be compared: ask about fewer things, or about a shorter time."""


class Room:
    """How many alerts may still be kept."""

    def __init__(self, most: int = MOST_ALERTS) -> None:
        self.most, self._left = most, most

    def take(self) -> None:
        """Room for one alert. Raises `TooManyAlerts`."""
        self._left -= 1
        if self._left < 0:
            raise TooManyAlerts(f"more than {self.most} alerts in one partition: choose fewer things or a shorter time")


class Span:
    """[since, until) is what is asked about."""

    def __init__(self, since: Micros, until: Micros) -> None:
        self.since, self.until = since, until

    def within(self, start: Micros, end: Micros) -> Micros:
        """How much of [start, end) is in it."""
        return max(0, min(end, self.until) - max(start, self.since))


class AlertLog:
    """What one case comes to, in one partition. takes: by channel, the notices that it takes."""

    def __init__(self, span: Span, takes: Mapping[str, tuple[Notice, ...]], room: Room, ids: frozenset[str]) -> None:
        self._span, self._room, self._ids = span, room, ids
        self._takes = {channel: frozenset(notices) for channel, notices in takes.items()}
        self.alerts: list[Alert] = []
        self._status: dict[str, tuple[VisibleStatus, Micros]] = {}
        # By thing: the alerts of a trouble that lasts.
        self._open: dict[str, list[Alert]] = {}
        self.watched: dict[str, Watched] = {}

    def begin(self, thing: str, status: VisibleStatus, since: Micros) -> None:
        """How a thing is when the records begin."""
        self._status[thing] = (status, since)

    def hear(self, effects: Iterable[Effect], time: Micros) -> None:
        """What a fold has said; `time`: the partition's then."""
        for effect in effects:
            value = effect.value
            if type(value) is StatusChanged:
                if value.thing in self._ids:
                    self._changed(value)
            elif type(value) is DeliveryRequested and value.about is not None:
                self._requested(value, effect.key, time)

    def end(self, time: Micros) -> None:
        """The records end, when it is `time` in the partition."""
        for thing, (status, since) in self._status.items():
            self._watch(thing, status, since, time)
        self._status.clear()

    def _changed(self, change: StatusChanged) -> None:
        thing = change.thing
        status, since = self._status.get(thing, (change.was, change.since))
        self._watch(thing, status, since, change.at)
        self._status[thing] = (change.now, change.at)
        for alert in self._open.pop(thing, ()):
            alert.ended = change.at

    def _watch(self, thing: str, status: VisibleStatus, start: Micros, end: Micros) -> None:
        if status in _UP or status == "down":
            spent = self._span.within(start, end)
            watched = self.watched.setdefault(thing, Watched())
            if status == "down":
                watched.down += spent
            else:
                watched.up += spent

    def _requested(self, request: DeliveryRequested, channel: str, time: Micros) -> None:
        assert request.about is not None
        thing = request.about.definition.id
        notice = self._taken(request, channel)
        if notice is None or thing not in self._ids:
            return
        if notice in _CLOSING:
            return
        what = "down" if notice in OPENING else _LASTING.get(notice, notice.removeprefix("monitor."))
        told = max(time, request.at)
        for alert in self._open.get(thing, ()):
            if alert.what == what:
                return _add_channel(alert, channel)
        status, since = self._status.get(thing, ("new", request.at))
        began = since if what == "down" and status == "down" else min(request.at, told)
        alert = Alert(thing, what, began, told, channels=(channel,))
        if what == "down" or notice in _LASTING:
            self._open.setdefault(thing, []).append(alert)
        else:
            alert.ended = told
            if self.alerts and (last := self.alerts[-1]).thing == thing and _same(last, alert):
                return _add_channel(last, channel)
        if self._span.since <= told < self._span.until:
            self._room.take()
            self.alerts.append(alert)

    def _taken(self, request: DeliveryRequested, channel: str) -> AnyNotice | None:
        """The first of the notices that goes to the channel; None: none does."""
        if request.anyway:
            return request.notices[0] if request.notices else None
        takes = self._takes.get(channel, _ANY_CHANNEL)
        return next((notice for notice in request.notices if notice in takes), None)


def _same(one: Alert, other: Alert) -> bool:
    return (one.what, one.began, one.told) == (other.what, other.began, other.told)


def _add_channel(alert: Alert, channel: str) -> None:
    if channel not in alert.channels:
        alert.channels = tuple(sorted((*alert.channels, channel)))
