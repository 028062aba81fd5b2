"""Running states of monitors: the records of `monitor-states`, written only by the `monitors` fold.

Keys: the monitor's id for its running state, `definition/<monitor id>` for the fold's own copy of its definition,
`maintenance/<id>` for its copies of windows, `region/<name>` for a region that is disregarded now, `dependency/<id>`
for a monitor that is down and that others depend on, `partition` for the partition's own record. Probers follow this
topic: definitions and doubts tell them what to do.
"""

from typing import Literal

from msgspec import Struct

from schemas.base import Fact, Micros, Value
from schemas.maintenance import Maintenance
from schemas.monitors import Monitor
from schemas.ticks import Progress
from schemas.transitions import VisibleStatus

MonitorStatus = Literal["new", "up", "down", "paused"]


class Seen(Struct, frozen=True, omit_defaults=True, gc=False):
    """What a region saw last of those slots that count now. `ok`: whether the target was well."""

    region: str
    slot: Micros
    ok: bool


class Doubt(Struct, frozen=True, omit_defaults=True, gc=False):
    """A change that is not believed yet.

    since: slot of the first result that told of it; at: when that probe began; region: who saw it; cause: in words.
    asked: number of the confirmation that is asked for now. votes: results since then, newest of each region.
    agreeing: how many results have told of the change since then, whichever region they are of.
    """

    since: Micros
    at: Micros
    region: str
    cause: str = ""
    asked: int = 1
    asked_at: Micros = 0
    votes: tuple[Seen, ...] = ()
    agreeing: int = 1


class MonitorState(Value, tag="monitor-state"):
    """What a result rewrites.

    version: of the definition folded last. unobserved: a slot passed of which no result came; qualifies `up` and `new`.
    maintained: a window of maintenance is open: results are kept and not judged; qualifies `up` and `new`.
    begun: the first slot of which a result counts, since what is probed was defined as it is now; oldest: the version
    of the definition then.
    slot: the newest regular slot of which a result counted, by any region.
    expected: the oldest slot that no result has come of; early: slots after it of which one has.
    seen: per region, the newest regular result, against those that come twice or late.
    results, changes: counters; since: when the span shown now began.
    last_at, last_ok, last_ms: the newest result; last_detail: why it failed.
    unprobed: why a prober could not probe it, since the newest result; says nothing about the target.
    doubt: a change that waits for confirmation. expires: of the certificate seen last; domain_expires: of the domain.
    incident: id of the open incident, while down; down_since: its start; cause: why, in words.
    notice_at: until then a notice is held back: of being down, since what it depends on may be down as well; of not
    being observed, which people are told when it lasts.
    parked: why the fold could not judge a deadline; set until the next event of this monitor.
    """

    version: int
    status: MonitorStatus = "new"
    unobserved: bool = False
    maintained: bool = False
    begun: Micros = 0
    oldest: int = 0
    expected: Micros = 0
    early: tuple[Micros, ...] = ()
    slot: Micros = 0
    seen: tuple[Seen, ...] = ()
    results: int = 0
    changes: int = 0
    since: Micros = 0
    last_at: Micros | None = None
    last_ok: bool = False
    last_ms: float | None = None
    last_detail: str = ""
    doubt: Doubt | None = None
    expires: Micros | None = None
    domain_expires: Micros | None = None
    incident: str | None = None
    down_since: Micros | None = None
    cause: str = ""
    notice_at: Micros | None = None
    parked: str | None = None
    unprobed: str = ""


def visible_status(state: MonitorState) -> VisibleStatus:
    """The status that people see: nothing is known while slots stay empty, except that it was down before."""
    if state.maintained and state.status in ("new", "up"):
        return "maintenance"
    return "not_observed" if state.unobserved and state.status in ("new", "up") else state.status


class MonitorCopy(Fact, tag="monitor-definition", frozen=True):
    """The `monitors` fold's own copy of a definition."""

    monitor: Monitor


class MaintenanceCopy(Fact, tag="maintenance-definition", frozen=True):
    """The `monitors` fold's own copy of a window. `until`: when it closes, while it is open."""

    maintenance: Maintenance
    until: Micros | None = None


class RegionOut(Fact, tag="region", frozen=True):
    """A region that is disregarded: its own network is out. start: since when; until: then it counts again."""

    region: str
    start: Micros
    until: Micros


class DependencyDown(Fact, tag="dependency", frozen=True):
    """A monitor that others depend on is down since `at`. Each partition has a copy."""

    monitor: str
    at: Micros


MonitorStatesRecord = MonitorState | MonitorCopy | MaintenanceCopy | RegionOut | DependencyDown | Progress
