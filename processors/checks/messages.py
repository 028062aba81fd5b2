"""What people are told of a check, in words and as the `data` of a notice.

The shape of `data`: docs/compatibility/poppaping.md, "Webhooks". A fold knows no settings, so `monitor.url` is the
path of the check's page, `/checks/<id>`; whoever renders the body puts the site's URL before it.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from processors.checks.outputs import output_data
from processors.checks.rules import late_limit, run_limit
from schemas.base import SECOND, Micros
from schemas.check_states import CheckState, Run, visible_status
from schemas.definitions import Check
from schemas.deliveries import About
from schemas.pings import Ping
from schemas.ticks import Gap
from schemas.times import iso, iso_or_none

# A span in which Pingfold could not be reached; `end` None: it lasts.
_Span = tuple[Micros, Micros | None]
# So many spans are named one by one.
NAMED_GAPS = 3


def missed(state: CheckState, check: Check, expected: Micros, deadline: Micros) -> str:
    """Why a check is down whose ping did not come."""
    silence = "No ping" if state.last_ping is None else f"No ping for {_span(deadline - state.last_ping)}"
    limit = late_limit(check)
    return f"{silence} (expected at {iso(expected)}{f', late limit {_span(limit)}' if limit else ''})"


def overdue(state: CheckState, check: Check, expected: Micros) -> str:
    """What is known of a check that is late, and until when its ping may still come."""
    known = _last_ping(state)
    return f"{known}; expected at {iso(expected)}, down at {iso(expected + late_limit(check))} if none comes"


def overrun(run: Run, check: Check) -> str:
    """Why a check is down whose run did not end."""
    return f"{_run(run)} exceeded its limit of {_span(run_limit(check))} (started at {iso(run.started)})"


def failed(ping: Ping) -> str:
    """Why a check is down that reported a failure."""
    return f"Exit status {ping.exitstatus}" if ping.exitstatus else "Reported failure"


def failed_in_maintenance(ping: Ping, at: Micros) -> str:
    """The same of a failure that is told at the end of maintenance."""
    return f"{failed(ping)} at {iso(at)}, during maintenance"


def unjudgeable(state: CheckState, run: Run | None, gaps: Sequence[Gap]) -> str:
    """What is known of a run that was due, or open, in gaps."""
    known = _last_ping(state)
    if run is not None:
        known = f"{_run(run).lower()} started at {iso(run.started)}, no end seen"
    spans = _joined(gaps)
    named = ", ".join(
        f"from {iso(start)} to {iso(end)}" if end is not None else f"from {iso(start)} on"
        for start, end in spans[:NAMED_GAPS]
    )
    more = f" and {len(spans) - NAMED_GAPS} more times" if len(spans) > NAMED_GAPS else ""
    return f"{known}; Pingfold could not be reached {named}{more}"


def unseen(state: CheckState) -> str:
    """What is known of a check that could not be observed, some time afterwards."""
    return f"{_last_ping(state)}; a run was due while Pingfold could not be reached"


def _last_ping(state: CheckState) -> str:
    return "no ping yet" if state.last_ping is None else f"no ping since {iso(state.last_ping)}"


def _joined(gaps: Sequence[Gap]) -> list[_Span]:
    """The spans of gaps, oldest first; those that overlap, or follow each other within the same second, are one."""
    spans: list[_Span] = []
    for gap in sorted(gaps, key=lambda gap: gap.start):
        start, end = spans[-1] if spans else (0, 0)
        if not spans or (end is not None and end // SECOND < gap.start // SECOND):
            spans.append((gap.start, gap.end))
        elif end is not None:
            spans[-1] = (start, None if gap.end is None else max(end, gap.end))
    return spans


def about(state: CheckState, check: Check) -> About:
    """The check as it is now, for bodies that say more of it than `data` does. Of its state only what people see."""
    return About(
        definition=replace(check, desc=""),
        state=replace(
            state, runs=(), stamped=(), base=None, last_success=None, output=None, escalation=None, run_times=None
        ),
    )


def notice_data(state: CheckState, check: Check, incident: dict[str, Any] | None) -> dict[str, Any]:
    """The `data` of a notice. One that was not observed is shown as late: nothing is known against it.

    Why a check is down, its job may have said: `monitor.last_output`.
    """
    status = visible_status(state)
    data: dict[str, Any] = {
        "monitor": {
            "id": check.id,
            "name": check.name,
            "url": f"/checks/{check.id}",
            "kind": "heartbeat",
            "current_status": "late" if status == "not_observed" else status,
            "slug": check.slug,
            "tags": check.tags,
            "last_ping": iso_or_none(state.last_ping),
        },
        "incident": incident,
    }
    if status == "down" and state.output is not None:
        data["monitor"]["last_output"] = output_data(state.output)
    return data


def _span(micros: Micros) -> str:
    return str(timedelta(seconds=micros // SECOND))


def _run(run: Run) -> str:
    return "Run" if run.rid is None else f"Run {run.rid}"
