"""Outages of Pingfold itself, as a project is told of them when they are over: what is kept, and what is said. Pure."""

from typing import Any

from msgspec import Struct

from schemas.base import Fact, Micros
from schemas.times import iso

# So many of what could not be judged are named.
NAMED = 10


class ProjectOutage(Struct, frozen=True, omit_defaults=True, gc=False):
    """From `start` to `end` Pingfold could not be reached, or not by everybody.

    checks, monitors: how many could not be judged because of it. names: of the first of them.
    tell_at: when the project is told; None: it was, but for one that is `silent`: so much was told that nobody wants
    more.
    """

    start: Micros
    end: Micros
    checks: int = 0
    monitors: int = 0
    names: tuple[str, ...] = ()
    tell_at: Micros | None = None
    silent: bool = False


class ProjectOutages(Fact, tag="outages", frozen=True):
    """The newest outages that concern a project, in the order in which they were heard of. id: that of the project."""

    id: str
    outages: tuple[ProjectOutage, ...] = ()


def outages_key(project: str) -> str:
    """The key of the record."""
    return f"outages/{project}"


def outage_data(outage: ProjectOutage, project: str) -> dict[str, Any]:
    """The `data` of the notice. `monitor` is there for receivers that read of every notice what it is about."""
    return {
        "outage": {
            "started_at": iso(outage.start),
            "ended_at": iso(outage.end),
            "checks_not_observed": outage.checks,
            "monitors_not_observed": outage.monitors,
            "names": list(outage.names),
        },
        "monitor": {"id": project, "name": "Pingfold", "url": "/", "kind": "pingfold", "current_status": "up"},
        "incident": None,
        "detail": f"From {iso(outage.start)} to {iso(outage.end)}; {_unjudged(outage)}",
    }


def _unjudged(outage: ProjectOutage) -> str:
    counts = [
        f"{count} {word if count == 1 else f'{word}s'}"
        for count, word in ((outage.checks, "check"), (outage.monitors, "monitor"))
        if count
    ]
    if not counts:
        return "nothing was left unjudged so far"
    more = outage.checks + outage.monitors - len(outage.names)
    named = ", ".join(outage.names) + (f" and {more} more" if more > 0 else "")
    return f"not observed: {' and '.join(counts)} ({named})"
