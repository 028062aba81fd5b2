"""How a check or a monitor was at a moment: from what history says of it, and from its state as it is now. Pure.

The status is what is known now of that moment: that of the newest change dated at or before it, as uptime and incidents
count. What Pingfold saw only later, such as a missed deadline that it noticed a second after it, is told as such.
"""

from typing import Literal, NamedTuple

from query_api.history.past_things import GoneRow, ThenRow
from query_api.web.shown.changes_shown import REASON_WORDS
from query_api.web.shown.reasons import in_reach
from query_api.web.shown.shown_times import ShownTimes
from query_api.web.shown.things import Thing
from schemas.base import Micros
from schemas.definitions import Check, changes_before
from schemas.transitions import VisibleStatus

# unknown: history does not tell, now. absent: it was not there.
ThenStatus = VisibleStatus | Literal["unknown", "absent"]


class Then(NamedTuple):
    """status: at the moment. since, until: of that status; 0: not known, or to this day. reason, detail: why; or empty.
    seen_at: when Pingfold saw it, if that was after the moment, else 0. incident: that was open; or empty."""

    status: ThenStatus
    since: Micros = 0
    until: Micros = 0
    reason: str = ""
    detail: str = ""
    seen_at: Micros = 0
    incident: str = ""

    def words(self, times: ShownTimes) -> str:
        """Why it was so, for a reader; or empty."""
        told = [words for words in (REASON_WORDS.get(self.reason, self.reason), in_reach(self.detail, times)) if words]
        reason = ": ".join(told)
        return reason[:1].upper() + reason[1:]


def then(thing: Thing, row: ThenRow | None, at: Micros) -> Then:
    """How a thing that is there now was. row: what history says; None: nothing, or it is not known."""
    state = thing.state
    if state is None:
        return Then("absent" if thing.definition.created > at else "new", thing.definition.created)
    if state.since <= at:  # as it is to this day, also when history does not know that yet
        if row is not None and row.newest == state.changes and row.is_changed:
            return _told(row, at)
        incident = state.incident or ""
        return Then(thing.status, state.since, detail=state.cause if incident else "", incident=incident)
    if row is None or not row.after:
        # Either it was made later, or the change that ended the status of then is not in history.
        return Then("absent" if state.changes == _first_number(thing) else "unknown")
    found = _told(row, at)
    if row.status == "removed" and thing.definition.created <= at:  # an earlier one with its id was; it is made again
        return Then("new", thing.definition.created, row.after)
    return found


def gone_then(row: ThenRow | None, gone: GoneRow, at: Micros) -> Then:
    """How a thing was that is gone. It was there."""
    if row is None:
        return Then("new", 0, gone.removed_at)  # it never changed, or its removal was no change of a status
    found = _told(row, at)
    return found._replace(until=found.until or gone.removed_at)


def _told(row: ThenRow, at: Micros) -> Then:
    if row.status == "removed" or (not row.is_changed and row.since > at):
        return Then("absent")
    if not row.is_changed:
        return Then(row.status, row.since, row.after)
    return Then(
        row.status,
        row.since,
        row.after,
        row.reason,
        row.detail,
        row.detected_at if row.detected_at > at else 0,
        row.incident if row.status == "down" else "",
    )


def _first_number(thing: Thing) -> int:
    definition = thing.definition
    return changes_before(definition) if isinstance(definition, Check) else 0
