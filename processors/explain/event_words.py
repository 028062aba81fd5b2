"""An event of a journal in words, for people. Pure: it tells what stands in the record, and nothing else of it."""

from typing import Any

import msgspec

from processors.fold.contract import Fold, Record
from processors.monitors.messages import cause_of
from schemas.base import SECOND, Micros
from schemas.explanations import ExplainedEvent
from schemas.incidents import IncidentAcknowledged, IncidentCommented, IncidentReleased
from schemas.pings import CheckDefined, Ping
from schemas.probes import DependencyChanged, MaintenanceDefined, MonitorDefined, ProbeCompleted, RegionTroubled
from schemas.published import tag_of
from schemas.tag_mutes import TagMuted
from schemas.ticks import Tick
from schemas.times import iso

# So much is told of what people wrote.
_LONGEST = 200


def explained(fold: Fold, partition: int, record: Record) -> ExplainedEvent:
    """The event of a record, as this fold reads it."""
    try:
        event = fold.events.decode(record.value or b"")
    except msgspec.MsgspecError:
        type, at, what = "", record.timestamp, "a record that is no event: it went to the dead letters"
    else:
        type, at, what = tag_of(event.__class__), _time(event, record), _what(event)
    if record.retried:
        what = f"{what}, put back from the dead letters"
    return ExplainedEvent(fold.journal.name, partition, record.offset, at, record.timestamp, type, what)


def _time(event: Any, record: Record) -> Micros:
    if isinstance(event, Tick):
        return event.now
    at = getattr(event, "at", None)
    return record.timestamp if at is None else int(at)


def _what(event: Any) -> str:
    match event:
        case Ping():
            return _ping(event)
        case Tick():
            known = "" if event.at == event.now else f", all before {iso(event.at)} is known"
            return f"a tick: it is {iso(event.now)}{known}"
        case ProbeCompleted():
            return _probe(event)
        case CheckDefined():
            return f"the check was defined (version {event.check.version})"
        case MonitorDefined():
            return f"the monitor was defined (version {event.monitor.version})"
        case MaintenanceDefined():
            window = event.maintenance
            return f"the maintenance window {_quoted(window.name)} was defined (version {window.version})"
        case TagMuted():
            return f"the tag {_quoted(event.mute.label)} was muted"
        case IncidentAcknowledged():
            return f"the incident was acknowledged{_by(event.by)}{_said(event.comment)}"
        case IncidentReleased():
            return f"the acknowledgement was given back{_by(event.by)}{_said(event.comment)}"
        case IncidentCommented():
            return f"the incident was commented on{_by(event.by)}{_said(event.comment)}"
        case RegionTroubled():
            return f"the network of region {event.region} was out"
        case DependencyChanged():
            return f"the monitor {event.monitor}, on which others depend, {'went down' if event.down else 'recovered'}"
        case _:
            return tag_of(event.__class__).replace(".", " ").replace("-", " ")


def _ping(ping: Ping) -> str:
    status = "" if ping.exitstatus is None else f" (exit status {ping.exitstatus})"
    run = "" if ping.rid is None else f" of run {ping.rid}"
    return f"a {ping.kind} ping{status}{run}"


def _probe(result: ProbeCompleted) -> str:
    which = f"confirmation {result.confirm}" if result.confirm else "the probe"
    took = f"{result.took / 1_000:.0f} ms"
    found = f"was well after {took}" if result.ok else f"failed after {took}: {cause_of(result)}"
    return f"{which} from {result.region} {found}"


def _quoted(text: str) -> str:
    return f"“{text[:_LONGEST]}”"


def _by(who: str) -> str:
    return f" by {who[:_LONGEST]}" if who else ""


def _said(comment: str) -> str:
    return f": {comment[:_LONGEST]}" if comment else ""


def seconds(duration: Micros) -> str:
    """A duration in words: `1 h 5 min`, `12.5 s`."""
    rest, parts = duration / SECOND, list[str]()
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if rest >= size:
            parts.append(f"{int(rest // size)} {unit}")
            rest %= size
    if rest or not parts:
        parts.append(f"{rest:g} s" if rest < 60 and rest % 1 == 0 else f"{rest:.3f} s")
    return " ".join(parts)
