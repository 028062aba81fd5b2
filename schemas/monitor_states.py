"""Running states of monitors: the records of `monitor-states`, written only by the `monitors` fold.

Keys: the monitor's id for its running state, `definition/<monitor id>` for the fold's own copy of its definition,
`validity/<monitor id>` for what is known of its certificate and domain, `maintenance/<id>` for its copies of windows,
`escalation/<id>` and `on-call/<id>` for those of escalation policies and on-call rotations,
`region/<name>` for a region that is disregarded now,
`dependency/<id>` for a monitor that is down and that others depend on, `partition` for the partition's own record.
Probers follow this topic: definitions, pending changes and due tests say what to probe.
"""

from typing import Literal, get_args

from msgspec import Struct

from schemas.base import Fact, Micros, Value
from schemas.certificates import Certificate, DomainSource
from schemas.escalations import Escalating, EscalationCopy
from schemas.incidents import Acknowledged
from schemas.maintenance import MaintenanceCopy as MaintenanceCopy
from schemas.monitors import Monitor
from schemas.mutes import Owed
from schemas.notice_choices import ChoiceCopy
from schemas.on_call import OnCallCopy
from schemas.outages import Outage
from schemas.targets import Family, Verb
from schemas.ticks import Progress
from schemas.transitions import VisibleStatus

# The kind of a key: that of what is known of a certificate and a domain.
VALIDITY = "validity"

MonitorStatus = Literal["new", "up", "down", "paused"]
_STATUSES = frozenset(get_args(MonitorStatus))


class Seen(Struct, frozen=True, omit_defaults=True, gc=False):
    """The newest counted result of a region. ok: whether the probe succeeded."""

    region: str
    slot: Micros
    ok: bool


class ConfirmingResult(Struct, frozen=True, omit_defaults=True, gc=False):
    """A result that counted for or against a monitor's going down.

    at: start of the probe; took: its duration in microseconds. cause: why it failed, in words; "" if it did not.
    status: of the HTTP response. confirm: number of the confirmation, 0 for a regular probe.
    """

    region: str
    at: Micros
    took: int
    ok: bool = False
    cause: str = ""
    status: int | None = None
    confirm: int = 0


class PendingChange(Struct, frozen=True, omit_defaults=True, gc=False):
    """A status change that is not confirmed yet.

    since: slot of the first result that indicates it; at: start of that probe; region: where it was made; cause: in
    words.
    asked: number of the confirmation requested now. votes: the newest result of each region since then.
    agreeing: number of results since then that indicate the change, from all regions.
    partial: in each of those that failed only one of two address families did.
    results: of a change to down: the first result and the newest, at most ten, oldest first.
    """

    since: Micros
    at: Micros
    region: str
    cause: str = ""
    asked: int = 1
    asked_at: Micros = 0
    votes: tuple[Seen, ...] = ()
    agreeing: int = 1
    partial: bool = False
    results: tuple[ConfirmingResult, ...] = ()


class MonitorState(Value, tag="monitor-state", rename={"pending_change": "doubt"}):
    """The running state of a monitor, rewritten by each result.

    version: of the definition folded last. unobserved: a slot passed without a result; qualifies `up` and `new`.
    maintained: a maintenance window is open: results are recorded and change no status; qualifies `up` and `new`.
    begun: first slot whose results count for the target as defined now; oldest: version of the definition at that time.
    slot: newest regular slot with a counted result, from any region.
    expected: oldest slot without a result; early: later slots that have one.
    seen: newest regular result of each region, to recognise duplicates and late results.
    results, changes: counters; since: start of the current span.
    last_at, last_ok, last_ms, last_status: the newest result, and the status of its HTTP answer; last_detail: why it
    failed.
    unprobed: why a prober could not probe since the newest result; not a failure of the target.
    pending_change: waits for confirmation; `doubt` in the JSON. expires: expiry of the newest certificate;
    domain_expires: of the domain.
    incident: id of the open incident while down; down_since: its start; cause: in words.
    down_time: how long it was down in all incidents that are over. last_down: the newest of them.
    notice_at: until then a notification is held back: that it is down, because a monitor it depends on may be down too;
    or that it is not observed, which is sent only if it lasts.
    verb: for a `GET/HEAD` monitor, the method that is sufficient, from the first result that had it.
    family_down: the failing address family in the newest result, if the other one works.
    partial: of the open incident: in each result so far only one address family failed.
    hour: number of the hour since 1970 whose regular results are counted; samples: how many there are; points: two for
    each that was fast enough, one for each that was tolerated. apdexes: thousandths, of at most six whole hours before
    it. judge_at: when an hour is judged by them.
    reminders: number of reminders so far that it is still down. acknowledged: the acknowledgement of the incident.
    escalation: its progress, since the first notice of the incident.
    muted: it sends no notices now. silenced: the notice of its status was muted. owed: a notice of recovery was muted.
    untold: channels whose own mute ended within that, or while nobody was to be told; they are yet to be told of the
    incident. again: a mute ended by its time while nobody was to be told: people are yet to be told that it is still
    down.
    parked: why the fold could not judge a deadline; set until the next event of this monitor.
    confirmed_by: while it is down: the results that made it so.
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
    last_status: int | None = None
    last_detail: str = ""
    pending_change: PendingChange | None = None
    expires: Micros | None = None
    domain_expires: Micros | None = None
    incident: str | None = None
    down_since: Micros | None = None
    cause: str = ""
    down_time: Micros = 0
    last_down: Outage | None = None
    notice_at: Micros | None = None
    hour: int = 0
    samples: int = 0
    points: int = 0
    apdexes: tuple[int, ...] = ()
    judge_at: Micros | None = None
    reminders: int = 0
    acknowledged: Acknowledged | None = None
    escalation: Escalating | None = None
    muted: bool = False
    silenced: bool = False
    owed: Owed | None = None
    untold: tuple[str, ...] = ()
    again: bool = False
    parked: str | None = None
    unprobed: str = ""
    verb: Verb = ""
    family_down: Family | Literal[""] = ""
    partial: bool = False
    confirmed_by: tuple[ConfirmingResult, ...] = ()


class MonitorStanding(Struct, frozen=True, gc=False):
    """What a monitor is, and since when: some fields of its state."""

    status: MonitorStatus
    unobserved: bool
    maintained: bool
    since: Micros


def visible_status(state: MonitorState | MonitorStanding) -> VisibleStatus:
    """The visible status. A monitor without results is not observed, unless it was down before; nor is one whose status
    is a word of a later version."""
    if state.status not in _STATUSES:
        return "not_observed"
    if state.maintained and state.status in ("new", "up"):
        return "maintenance"
    return "not_observed" if state.unobserved and state.status in ("new", "up") else state.status


class Warned(Struct, frozen=True, omit_defaults=True, gc=False):
    """A certificate that was seen, by its fingerprint. days: the fewest days left that people were told of."""

    of: str
    days: int | None = None


class DomainValidity(Struct, frozen=True, omit_defaults=True, gc=False):
    """What the registry says of the domain: it `expires` then, as was said at `tested_at`, and first at `since`.

    days: the fewest days before that people were told of.
    """

    expires: Micros
    tested_at: Micros
    since: Micros
    source: DomainSource
    days: int | None = None


class Validity(Value, tag="validity"):
    """What is known of the certificate and the domain of a monitor, and what people were told of it.

    due: when the certificate is to be tested next; 0: when the definition began to count. turn: number of results so
    far, which decides whose turn it is (`schemas.certificates`).
    heard_at: the newest result; tested_at: the newest one that saw a certificate.
    certificate: seen last, first seen at `since`. found: whether it was found valid; error: why not.
    valid: what is believed of it, since `decided_at`: a change needs two results in a row. told: what people know.
    replaced: the certificate that this one took the place of, until people are told.
    warned: the newest certificates that were seen.
    domain: None while nothing is known. notices: number of notices so far.
    parked: why the fold could not judge a deadline; set until the next result.
    """

    due: Micros = 0
    turn: int = 0
    heard_at: Micros | None = None
    tested_at: Micros | None = None
    certificate: Certificate | None = None
    since: Micros = 0
    found: bool | None = None
    error: str = ""
    valid: bool | None = None
    decided_at: Micros = 0
    told: bool | None = None
    replaced: Certificate | None = None
    warned: tuple[Warned, ...] = ()
    domain: DomainValidity | None = None
    notices: int = 0
    parked: str | None = None


def validity_key(monitor: str) -> str:
    """The key of what is known of a monitor's certificate and domain."""
    return f"{VALIDITY}/{monitor}"


class MonitorCopy(Fact, tag="monitor-definition", frozen=True):
    """The `monitors` fold's own copy of a definition."""

    monitor: Monitor


class RegionOut(Fact, tag="region", frozen=True):
    """A disregarded region, whose own network is down, from `start` to `until`."""

    region: str
    start: Micros
    until: Micros


class DependencyDown(Fact, tag="dependency", frozen=True):
    """A monitor that others depend on is down since `at`. Each partition has a copy."""

    monitor: str
    at: Micros


MonitorStatesRecord = (
    MonitorState
    | MonitorCopy
    | Validity
    | MaintenanceCopy
    | RegionOut
    | DependencyDown
    | EscalationCopy
    | OnCallCopy
    | ChoiceCopy
    | Progress
)
