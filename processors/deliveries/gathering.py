"""Digests: what is gathered for a channel instead of single notices, and when a digest is sent. Pure.

The contract, for a channel that wants digests (`ChannelKind.gathers`):

- The first notice is sent at once, and starts a minute. Notices in that minute are gathered, and sent `SHORT` after the
  first of them; later ones at the end of the minute. So a channel gets at most three notices in a minute. If a minute
  has gathered `MANY`, the next minute starts with it: during a storm there are two digests per minute.
- A single gathered notice is sent unchanged, with its own id and body. A second one makes a digest, which is a delivery
  of its own. Each notice in it ends as `gathered` on arrival, with the id of the digest, so it is never pending.
- A digest counts events, and has the last event of the first `MOST_NAMED` monitors and checks; a failure and recovery
  is one entry. Stored data is bounded. The digest is rendered when it is sent, or when it ends otherwise.
- In quiet hours, notices that can wait are gathered until their end: all except possible outages (`_NEVER_WAIT`) and
  the recovery from what was sent in these hours. If a newer notice about a monitor is sent while an older one waits,
  the digest contains the newer one, so it is never outdated.
- There is no clock: the tick past the time of a digest sends it. If the channel is deleted or disabled, its digest ends
  like every delivery.
- Tests and replays are never gathered. A report is not gathered either: it waits for the end of quiet hours.
"""

from typing import NamedTuple

from msgspec.structs import replace

from processors.deliveries.ends import finished
from processors.deliveries.lists import gathering_of, with_body
from processors.deliveries.pending import PendingDeliveries
from processors.fold.contract import Effect
from processors.fold.view import View
from processors.sender.notice_values import object_of, text_of
from schemas.base import SECOND, Micros
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.deliveries import Delivery, DeliveryRequested, Endpoint, delivery_id, delivery_key, endpoint_key
from schemas.gatherings import GatheredThing, Gathering, gathering_key, quiet_key
from schemas.ids import derived_id
from schemas.mutes import LAST_MUTE_TIME, is_muted
from schemas.notices import DIGEST, INCIDENT_NOTICES, OPENING, REPORT, UNCHOSEN, AnyNotice
from schemas.quiet_hours import quiet_until
from schemas.times import read_iso

WINDOW: Micros = 60 * SECOND
SHORT: Micros = 10 * SECOND
MANY = 10
MOST_NAMED = 50
# So many lists are sent in one event, so that it fits into a transaction.
MOST_LISTS = 500
_LONGEST_NAME, _LONGEST_CAUSE, _LONGEST_ID = 120, 200, 64
# What a notice is about, of a thing: of each of these the newest counts. Others are each about themselves.
_SUBJECTS: dict[str, str] = {
    **dict.fromkeys(("monitor.down", "monitor.still_down", "monitor.recovered", "monitor.not_observed"), "status"),
    **dict.fromkeys(INCIDENT_NOTICES, "status"),
    **dict.fromkeys(("monitor.ssl_invalid", "monitor.ssl_valid"), "certificate"),
    **dict.fromkeys(("monitor.ssl_expiration", "monitor.ssl_renewed"), "certificate expires"),
}
# They tell what another notice tells, which a channel may take, too.
_TWINS: dict[str, str] = {"incident.created": "monitor.down", "incident.resolved": "monitor.recovered"}


# What may be an outage, or be about somebody who is not told: it is told at once, whatever the hour.
_NEVER_WAIT: frozenset[str] = frozenset(
    {"monitor.down", "monitor.still_down", "incident.created", "monitor.not_observed", *UNCHOSEN}
)
_RECOVERED: frozenset[str] = frozenset({"monitor.recovered", "incident.resolved"})
# Of so many things it is known that they were told of in quiet hours; beyond that each end is told at once.
MOST_TOLD = 200


class _Notice(NamedTuple):
    """A notice, and what a list says of it. counted: it is not told by another one, too."""

    delivery: Delivery
    thing: GatheredThing
    counted: bool


class Gatherings:
    """Of one partition. Each method changes the view and returns the effects of that."""

    def __init__(self, view: View, pending: PendingDeliveries) -> None:
        self._view, self._pending = view, pending

    def take(self, delivery: Delivery, thing: GatheredThing, now: Micros) -> list[Effect] | None:
        """Gather a notice, of which a list says `thing`; None: it is to be sent at once."""
        endpoint: Endpoint | None = self._view.get(endpoint_key(delivery.channel))
        if endpoint is None:
            return None
        if delivery.notice == REPORT:
            return self._report(endpoint, delivery, now)
        if not _tells_lists(endpoint):
            return None
        notice = _Notice(delivery, thing, _TWINS.get(delivery.notice) not in endpoint.notices)
        until = None if endpoint.quiet_hours is None else quiet_until(endpoint.quiet_hours, now)
        renewed: list[Effect] = []
        if until is not None:
            quiet = self._quiet(delivery.channel, until)
            if _can_wait(notice, quiet):
                return self._gather(quiet_key(delivery.channel), quiet, notice, until, now)
            renewed = self._told_at_night(quiet, notice, now)
        gathered = self._in_a_storm(endpoint, notice, now)
        if gathered is not None:
            return renewed + gathered
        if not renewed:
            return None
        self._view.put(delivery_key(delivery.id), delivery)
        return renewed

    def _report(self, endpoint: Endpoint, delivery: Delivery, now: Micros) -> list[Effect] | None:
        """No list can tell it; it waits for the end of quiet hours as it is."""
        until = None if endpoint.quiet_hours is None else quiet_until(endpoint.quiet_hours, now)
        if until is None:
            return None
        self._view.put(delivery_key(delivery.id), replace(delivery, attempt=0, due=until))
        return []

    def _in_a_storm(self, endpoint: Endpoint, notice: "_Notice", now: Micros) -> list[Effect] | None:
        """None: it is the first, or each is told by itself."""
        if not CHANNEL_KINDS[endpoint.kind].gathers(endpoint.digest):
            return None
        key = gathering_key(endpoint.id)
        gathering: Gathering | None = self._view.get(key)
        if gathering is None:
            self._view.put(key, Gathering(channel=endpoint.id, until=now + WINDOW))
            return None
        due = gathering.until if gathering.lists else min(now + SHORT, gathering.until)
        return self._gather(key, gathering, notice, due, now)

    def send(self, waiting: Delivery, now: Micros) -> None:
        """A delivery that waited for others is due: its first attempt is."""
        whole = with_body(self._view, waiting, now)
        found = gathering_of(self._view, waiting)
        if found is not None:
            key, gathering = found
            sent = replace(gathering, waiting="", things={}, left={}, left_since=0, total=0)
            sent = replace(sent, lists=gathering.lists + 1)
            self._view.put(key, sent)
        # What waited, however long, was not refused: it is as old as its first attempt.
        self._view.put(delivery_key(waiting.id), replace(whole, attempt=1, due=None, first_due=now))

    def end(self, key: str, gathering: Gathering, now: Micros) -> None:
        """The time of a gathering has passed: that of a storm goes on while much happens."""
        next_end = gathering.until + WINDOW
        if (waiting := self._waiting(gathering)) is not None:
            # Its notices came between the end and the tick that tells of that.
            self._view.put(key, replace(gathering, until=max(waiting.due or now, now)))
        elif key == gathering_key(gathering.channel) and gathering.count >= MANY and now < next_end:
            self._view.put(key, Gathering(channel=gathering.channel, until=next_end))
        else:
            self._view.delete(key)

    def redefined(self, endpoint: Endpoint, now: Micros) -> None:
        """Quiet hours of a channel, or its mute, may be others: what waits for the end of hours waits for both ends."""
        start = now
        if is_muted(endpoint.mute_until, now):
            start = endpoint.mute_until if isinstance(endpoint.mute_until, int) else LAST_MUTE_TIME
        until = None if endpoint.quiet_hours is None else quiet_until(endpoint.quiet_hours, start)
        due = start if until is None else until
        for key in sorted(self._pending.of(endpoint.id)):
            report: Delivery = self._view.get(key)
            if report.notice == REPORT and not report.attempt:
                self._view.put(key, replace(report, due=due))
        gathering: Gathering | None = self._view.get(quiet_key(endpoint.id))
        if gathering is None:
            return
        self._view.put(quiet_key(endpoint.id), replace(gathering, until=due))
        if (waiting := self._waiting(gathering)) is not None:
            self._view.put(delivery_key(waiting.id), replace(waiting, due=due))

    def corrected(self, time: Micros) -> None:
        """The time was taken back: quiet hours end when the clock of their zone says so."""
        endpoints = [record for _, record in self._view.items() if isinstance(record, Endpoint) and record.quiet_hours]
        for endpoint in sorted(endpoints, key=lambda each: each.id):
            self.redefined(endpoint, time)

    def _quiet(self, channel: str, until: Micros) -> Gathering:
        """What is known of the quiet time that goes on, noted now if it has just begun."""
        known: Gathering | None = self._view.get(quiet_key(channel))
        if known is None:
            known = Gathering(channel=channel, until=until)
            self._view.put(quiet_key(channel), known)
        return known

    def _told_at_night(self, quiet: Gathering, notice: "_Notice", now: Micros) -> list[Effect]:
        """Something is told at once; what waits of the same subject is out of date, so a list tells the newer one."""
        thing = notice.thing
        told = quiet.told if thing.thing in quiet.told else (*quiet.told, thing.thing)
        quiet = replace(quiet, told=told[-MOST_TOLD:], forgotten=quiet.forgotten or len(told) > MOST_TOLD)
        effects: list[Effect] = []
        if (known := quiet.things.get(_subject(thing))) is not None and (waiting := self._waiting(quiet)) is not None:
            quiet, _, effects = self._listed(quiet, waiting, now)
            quiet = replace(quiet, things={**quiet.things, _subject(thing): _newer(known, thing)})
        self._view.put(quiet_key(quiet.channel), quiet)
        return effects

    def _gather(self, key: str, gathering: Gathering, notice: "_Notice", due: Micros, now: Micros) -> list[Effect]:
        delivery, waiting = notice.delivery, self._waiting(gathering)
        if waiting is None:
            # Attempt 0: nothing was tried, and nothing is outstanding.
            self._view.put(delivery_key(delivery.id), replace(delivery, attempt=0, due=max(due, now)))
            begun = replace(gathering, waiting=delivery.id, began=now, things={}, left={}, left_since=0, total=0)
            self._view.put(key, _with(begun, notice))
            return []
        gathering, listed, effects = self._listed(gathering, waiting, now)
        self._view.put(key, _with(gathering, notice))
        return [*effects, _gathered(delivery, listed, now)]

    def _listed(self, gathering: Gathering, waiting: Delivery, now: Micros) -> tuple[Gathering, str, list[Effect]]:
        """Make what waits a list, if it is none yet. The gathering, the id of the list, and the end of what was one."""
        if waiting.notice == DIGEST:
            return gathering, waiting.id, []
        listed = _list_of(waiting, now)
        self._view.delete(delivery_key(waiting.id))
        self._view.put(delivery_key(listed.id), listed)
        return replace(gathering, waiting=listed.id), listed.id, [_gathered(waiting, listed.id, now)]

    def _waiting(self, gathering: Gathering) -> Delivery | None:
        """The delivery that still waits; it may have been sent or ended otherwise meanwhile."""
        found = self._view.get(delivery_key(gathering.waiting)) if gathering.waiting else None
        return found if isinstance(found, Delivery) and not found.attempt else None


def _tells_lists(endpoint: Endpoint) -> bool:
    """Whether a channel may be told of anything in a list."""
    kind = CHANNEL_KINDS[endpoint.kind]
    return kind.gathers(endpoint.digest) or (endpoint.quiet_hours is not None and DIGEST in kind.takes)


def _list_of(first: Delivery, now: Micros) -> Delivery:
    """The list that takes the place of what has waited alone."""
    event = derived_id(first.channel, "list", first.id, now)
    id = delivery_id(event, first.channel)
    return Delivery(
        id=id,
        event=event,
        channel=first.channel,
        notice=DIGEST,
        body="",
        first_due=first.first_due,
        attempt=0,
        due=first.due,
    )


def _gathered(delivery: Delivery, listed: str, now: Micros) -> Effect:
    return finished(delivery, "gathered", 0, now, f"told in the list {listed}")


def gathered_thing(notice: AnyNotice, event: DeliveryRequested) -> GatheredThing | None:
    """What a list says of a notice; bounded, whatever that holds. None: of a test, which no list tells of."""
    if event.actor is not None or event.data.get("test") is True:
        return None
    monitor, incident = object_of(event.data.get("monitor")), object_of(event.data.get("incident"))
    name = text_of(monitor, "name") or text_of(monitor, "url") or text_of(monitor, "id")
    return GatheredThing(
        thing=text_of(monitor, "id")[:_LONGEST_ID],
        notice=notice,
        at=event.at,
        name=name[:_LONGEST_NAME],
        kind=text_of(monitor, "kind")[:_LONGEST_ID],
        cause=(text_of(incident, "cause") or text_of(event.data, "detail"))[:_LONGEST_CAUSE],
        incident=text_of(incident, "id")[:_LONGEST_ID],
        since=text_of(incident, "started_at")[:_LONGEST_ID],
        escalation=text_of(object_of(event.data.get("escalation")), "policy")[:_LONGEST_NAME],
    )


def _subject(thing: GatheredThing) -> str:
    """What a notice is about: of each subject the newest notice counts."""
    return f"{_SUBJECTS.get(thing.notice, thing.notice)}/{thing.thing}"


def _newer(known: GatheredThing, thing: GatheredThing) -> GatheredThing:
    """What happened last, and what did first, if that was something else."""
    first = known.first or known.notice
    same = _TWINS.get(first, first) == _TWINS.get(thing.notice, thing.notice)
    return replace(thing, first=None if same else first)


def _can_wait(given: "_Notice", quiet: Gathering) -> bool:
    """Whether a notice can wait for the end of quiet hours."""
    if given.delivery.notice in _RECOVERED:
        return not quiet.forgotten and given.thing.thing not in quiet.told
    return given.delivery.notice not in _NEVER_WAIT


def _with(gathering: Gathering, given: "_Notice") -> Gathering:
    """With one more notice."""
    thing = given.thing
    key = _subject(thing)
    things, left, left_since = gathering.things, gathering.left, gathering.left_since
    if (known := things.get(key)) is not None:
        things = {**things, key: _newer(known, thing)}
    elif len(things) < MOST_NAMED:
        things = {**things, key: thing}
    else:
        since = _open_since(thing)
        left_since = min(left_since or since, since or left_since)
        if given.counted:
            left = {**left, thing.notice: left.get(thing.notice, 0) + 1}
    gathering = replace(gathering, things=things, left=left, left_since=left_since)
    return replace(gathering, total=gathering.total + 1, count=gathering.count + 1)


def _open_since(thing: GatheredThing) -> Micros:
    """When the incident began that a notice tells to be open; 0: it tells of none, or that is no time."""
    if thing.notice not in OPENING or not thing.incident:
        return 0
    try:
        return max(0, read_iso(thing.since))
    except (ValueError, OverflowError):
        return 0
