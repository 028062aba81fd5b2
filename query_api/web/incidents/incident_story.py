"""What happened in an incident, in order: from the first failing result to the last notice of its end."""

import asyncio
from typing import Any, NamedTuple

from query_api.dependencies import Dependencies
from query_api.history import audit
from query_api.history.checks import Transition
from query_api.history.monitors import IncidentRow, ResultRow
from query_api.web.asking import told
from query_api.web.monitors.monitor_page import why_failed
from query_api.web.shown.changes_shown import REASON_WORDS, sent_of
from query_api.web.shown.reasons import in_reach, status_word
from query_api.web.shown.shown_times import ShownTimes
from query_api.web.shown.things import Thing
from schemas.base import SECOND, Micros

# So many results are shown, and so much of what people said.
MOST_RESULTS, _MOST_SAID = 200, 500
# People may speak of an incident until a while after its end.
_AFTER: Micros = 86_400 * SECOND
_SAID = {"acknowledged": "acknowledged it", "released": "gave the acknowledgement back", "commented": "commented"}


class Moment(NamedTuple):
    """Something that happened. look, word: how it is marked. by: who did it; empty: nobody."""

    at: Micros
    look: str
    word: str
    text: str
    by: str = ""


class Story(NamedTuple):
    """moments: oldest first. missing: what is not told, in words."""

    moments: list[Moment]
    missing: str


async def story(deps: Dependencies, thing: Thing, incident: IncidentRow, times: ShownTimes) -> Story:
    """What the replicas and history know of an incident."""
    end = times.now if incident.resolved is None else incident.resolved
    results, changes, said = await asyncio.gather(
        _results(deps, thing, incident.started, end),
        _changes(deps, thing, incident),
        _said(deps, thing, incident, end),
    )
    sent = None if changes is None else await sent_of(deps, thing.definition, changes, times)
    moments = [_result(row, times) for row in results or ()]
    for change in changes or ():
        moments.append(_change(change, times))
        moments += [_sent(change, row) for row in (sent or {}).get(change.id, ())]
    moments += said or ()
    if changes is None:  # the beginning is known in any case
        words = in_reach(incident.cause, times)
        moments.append(Moment(incident.started, "down", "down", words))
    missing = (
        "" if None not in (results, changes, said, sent) else "History does not answer now: some of it is missing."
    )
    return Story(sorted(moments, key=lambda one: one.at), missing)


async def _results(deps: Dependencies, thing: Thing, start: Micros, end: Micros) -> list[ResultRow] | None:
    if thing.kind == "check":
        return []
    if deps.monitor_history is None:
        return None
    return await told(deps.monitor_history.between(thing.id, start, end, MOST_RESULTS))


async def _changes(deps: Dependencies, thing: Thing, incident: IncidentRow) -> list[Transition] | None:
    """The changes that opened and closed it, and those between."""
    if deps.history is None:
        return None
    found = await told(deps.history.transitions(thing.id, incident.started))
    return None if found is None else [one for one in found if one.incident == incident.id]


async def _said(deps: Dependencies, thing: Thing, incident: IncidentRow, end: Micros) -> list[Moment] | None:
    """Acknowledgements and comments, as the audit trail has them."""
    if deps.audit_history is None:
        return None
    which = audit.Which(thing.project, incident.started, end + _AFTER, thing.kind, thing.id, limit=_MOST_SAID)
    entries = await told(deps.audit_history.entries(which))
    if entries is None:
        return None
    found = []
    for entry in entries:
        fields: dict[str, Any] = {change.field: change.new for change in entry.changes}
        if entry.action in _SAID and fields.get("incident") == incident.id:
            by, comment = str(fields.get("by", "")) or "somebody", str(fields.get("comment", ""))
            text = f"{_SAID[entry.action]}{f': {comment}' if comment else ''}"
            found.append(Moment(entry.place.at, "new", entry.action, text, by))
    return found


def _result(row: ResultRow, times: ShownTimes) -> Moment:
    which = f"confirmation {row.confirm}" if row.confirm else "a probe"
    words = f"{which} from {row.region} took {row.took / 1_000:.0f} ms"
    if row.ok:
        return Moment(row.at, "up", "well", f"{words} and was well")
    return Moment(row.at, "down", "failed", in_reach(f"{words}: {why_failed(row)}", times))


def _change(change: Transition, times: ShownTimes) -> Moment:
    detail = f": {in_reach(change.detail, times)}" if change.detail else ""
    words = f"from {status_word(change.was)}, because {REASON_WORDS.get(change.reason, change.reason)}"
    at = max(change.at, change.detected_at) if change.now == "down" else change.at
    return Moment(at, change.now, status_word(change.now), f"{words}{detail}")


def _sent(change: Transition, row: dict[str, Any]) -> Moment:
    error = f" ({row['error']})" if row["error"] else ""
    text = f"{row['channel']}, that {row['notice']}: {row['fared']}{error}"
    return Moment(row["when"] or max(change.at, change.detected_at), "up" if row["is_well"] else "late", "notice", text)
