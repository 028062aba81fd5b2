"""The alerts and the uptime that follow from what a fold says. Pure.

The contract:

- An alert begins with the first request to send that tells at least one channel of a trouble which takes such notices.
  Further requests about it (reminders, steps of an escalation) belong to it. It ends when the status changes.
- A channel takes the notices that it takes now, whatever it took then; one that is gone takes what a channel takes
  that chooses nothing. What a channel then does with a notice (quiet hours, lists, retries) is not judged here.
- What comes from the end of the span on is not known: an alert that is told then is none, one that ends then has not
  ended. Alerts of before the span are kept as long as they may be compared with one of the span (`forget`).
- A trouble that people knew of when the records begin is known: what is said of it later is no new alert.
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
# The troubles that last, by the status of the thing.
_TROUBLES: Mapping[VisibleStatus, str] = {"down": "down", "late": "late", "not_observed": "not observed"}
_ANY_CHANNEL = frozenset((*DEFAULT_NOTICES, *INCIDENT_NOTICES))


class TooManyAlerts(ProcessorError):
    """More than can be compared: ask about fewer things, or about a shorter time."""


class Room:
    """How much may be kept, named `what`. used: how much is."""

    def __init__(self, most: int = MOST_ALERTS, what: str = "alerts in one partition") -> None:
        self.most, self.used, self._what = most, 0, what

    def take(self) -> None:
        """Room for one more. Raises `TooManyAlerts`."""
        self.used += 1
        if self.used > self.most:
            raise TooManyAlerts(f"more than {self.most} {self._what}: choose fewer things or a shorter time")

    def give(self, number: int) -> None:
        """So many are kept no more."""
        self.used -= number


class Span:
    """[since, until) is what is asked about."""

    def __init__(self, since: Micros, until: Micros) -> None:
        self.since, self.until = since, until

    def within(self, start: Micros, end: Micros) -> Micros:
        """How much of [start, end) is in it."""
        return max(0, min(end, self.until) - max(start, self.since))


class AlertLog:
    """What one case comes to, in one partition. takes: by channel, the notices that it takes.

    alerts: in the order in which they were told, those of before the span among them that were not forgotten.
    lasting: after the end, by thing, the trouble in which it is, and since when.
    """

    def __init__(self, span: Span, takes: Mapping[str, tuple[Notice, ...]], room: Room, ids: frozenset[str]) -> None:
        self.span, self._room, self._ids = span, room, ids
        self._takes = {channel: frozenset(notices) for channel, notices in takes.items()}
        self.alerts: list[Alert] = []
        self._status: dict[str, tuple[VisibleStatus, Micros]] = {}
        # By thing: the alerts of a trouble that lasts.
        self._open: dict[str, list[Alert]] = {}
        self._troubled: dict[str, Micros] = {}
        self._well: dict[str, Micros] = {}
        self.watched: dict[str, Watched] = {}
        self.lasting: dict[str, tuple[str, Micros]] = {}

    def begin(self, thing: str, status: VisibleStatus, since: Micros, *, told: bool) -> None:
        """How a thing is when the records begin; told: people know of it."""
        self._status[thing] = (status, since)
        if status in _TROUBLES:
            self._troubled[thing] = since
        if told and status in _TROUBLES and thing in self._ids:
            alert = Alert(thing, _TROUBLES[status], since, min(since, self.span.since - 1))
            self._open[thing] = [alert]
            self._keep(alert)

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
            if status in _TROUBLES:
                self.lasting[thing] = (_TROUBLES[status], since)
        self._status.clear()

    def things_before(self) -> set[str]:
        """Those of which alerts of before the span are kept."""
        return {alert.thing for alert in self.alerts if alert.told < self.span.since}

    def troubled_since(self, thing: str) -> Micros | None:
        """Since when a thing is in trouble, of whatever kind; None: it is not."""
        return self._troubled.get(thing)

    def well_since(self, thing: str) -> Micros:
        """The beginning of the last time in which it was in no trouble."""
        return self._well.get(thing, -1)

    def forget(self, ended_before: Mapping[str, Micros]) -> None:
        """Keep no alerts of before the span that had ended, by thing, before a time."""
        since, before = self.span.since, len(self.alerts)
        self.alerts = [
            alert
            for alert in self.alerts
            if alert.told >= since or alert.ended is None or alert.ended >= ended_before.get(alert.thing, 0)
        ]
        self._room.give(before - len(self.alerts))

    def _changed(self, change: StatusChanged) -> None:
        thing = change.thing
        status, since = self._status.get(thing, (change.was, change.since))
        self._watch(thing, status, since, change.at)
        self._status[thing] = (change.now, change.at)
        if change.now in _TROUBLES:
            self._troubled.setdefault(thing, change.at)
        elif self._troubled.pop(thing, None) is not None:
            self._well[thing] = change.at
        for alert in self._open.pop(thing, ()):
            if change.at < self.span.until:
                alert.ended = change.at

    def _watch(self, thing: str, status: VisibleStatus, start: Micros, end: Micros) -> None:
        if status in _UP or status == "down":
            spent = self.span.within(start, end)
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
        if told >= self.span.until:
            return
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
            if (same := self._same(alert)) is not None:
                return _add_channel(same, channel)
        self._keep(alert)

    def _same(self, alert: Alert) -> Alert | None:
        """What another channel was told at the same moment."""
        for other in reversed(self.alerts):
            if other.told != alert.told:
                break
            if (other.thing, other.what, other.began) == (alert.thing, alert.what, alert.began):
                return other
        return None

    def _keep(self, alert: Alert) -> None:
        self._room.take()
        self.alerts.append(alert)

    def _taken(self, request: DeliveryRequested, channel: str) -> AnyNotice | None:
        """The first of the notices that goes to the channel; None: none does."""
        if request.anyway:
            return request.notices[0] if request.notices else None
        takes = self._takes.get(channel, _ANY_CHANNEL)
        return next((notice for notice in request.notices if notice in takes), None)


def _add_channel(alert: Alert, channel: str) -> None:
    if channel not in alert.channels:
        alert.channels = tuple(sorted((*alert.channels, channel)))
