"""Running states of heartbeat checks: the records of `check-states`, written only by the `checks` fold.

Keys: the check's id for its running state, `definition/<check id>` for the fold's own copy of its definition,
`gap/<start>/<cause>` for closed gaps, `escalation/<id>`, `on-call/<id>`, `maintenance/<id>` and `tag-mute/<id>` for its
copies of escalation policies, on-call rotations, windows of maintenance and mutes of tags, `choice/<id>` for what a
channel chose of the notices that are told only then, `partition` for the partition's own record.
"""

from typing import Literal

from msgspec import Struct

from schemas.base import Fact, Micros, Value
from schemas.definitions import Check
from schemas.escalations import Escalating, EscalationCopy
from schemas.incidents import Acknowledged
from schemas.maintenance import MaintenanceCopy
from schemas.mutes import Owed
from schemas.notice_choices import ChoiceCopy
from schemas.on_call import OnCallCopy
from schemas.outages import Outage
from schemas.outputs import Output
from schemas.run_times import RunTimes
from schemas.tag_mutes import TagMuteCopy
from schemas.ticks import Gap, Progress
from schemas.transitions import VisibleStatus

Status = Literal["new", "up", "down", "paused"]

# More open runs than this are counted but not watched one by one; the older ones keep their watch.
WATCHED_RUNS = 100


class Run(Struct, frozen=True, omit_defaults=True, gc=False):
    """An open run. overdue: its run limit has passed; it is kept only to compute its duration.

    limit_from: when its limit begins, if not with its start: the end of a window of maintenance.
    waived: it was open in such a window, and is not judged.
    """

    started: Micros
    rid: str | None = None
    overdue: bool = False
    limit_from: Micros | None = None
    waived: bool = False

    def is_watched(self) -> bool:
        """Whether its limit is still to be judged."""
        return not (self.overdue or self.waived)


class Failing(Struct, frozen=True, omit_defaults=True, gc=False):
    """What a job reported last in a window of maintenance: it failed at `at`. cause: in words."""

    at: Micros
    cause: str


class CheckState(Value, tag="check-state"):
    """The running state of a check, rewritten by each ping.

    version: of the definition folded last. status: stored status; `late` and `unobserved` qualify `up`.
    base: time from which the next expected run is computed; None if none is expected.
    unobserved: a deadline passed that could not be judged because of a gap; while set, `base` is the end of the gap, or
    None while the status is `up` and the gap is open.
    runs: open runs, in the order of their start.
    pings, changes: counters: serial number of the newest ping, number of transitions.
    since: start of the current span. offset: of the newest ping counted, -1 before the first.
    stamped: alternately the process that received one of the newest pings, and the time of its newest ping, to
    recognise duplicates (`processors.checks.ping_copies`).
    last_ping: newest success or failure; last_start: newest start signal, None after a pause or a resumption.
    last_duration, last_exitstatus: of the newest success or failure, None if it had none.
    incident: id of the open incident while down; down_since: its start; cause: in words.
    down_time: how long it was down in all incidents that are over. last_down: the newest of them.
    reminders: number of reminders so far that it is still down. acknowledged: the acknowledgement of the incident.
    escalation: its progress, since the first notice of the incident.
    muted: it sends no notices now. by_tag: because of a tag. own_mute_over: its own mute has ended, but its definition
    does not say so yet. silenced: the notice of its status was muted. owed: a notice of recovery was muted.
    untold: channels whose own mute ended within that, or while nobody was to be told; they are yet to be told of the
    incident. again: a mute ended by its time while nobody was to be told: people are yet to be told that it is still
    down.
    parked: why the fold could not judge a deadline; set until the next event of this check.
    output: the newest body of a start, log or fail ping since the newest success.
    run_times: durations of successful runs; None: no run had a start signal.
    maintained: a maintenance window is open, so no deadline is evaluated; qualifies `up` and `new`.
    failing: the last report of the job in it, if that was a failure.
    excused: end of the newest window that excused a due run; set until the next success.
    """

    version: int
    status: Status = "new"
    late: bool = False
    unobserved: bool = False
    base: Micros | None = None
    runs: tuple[Run, ...] = ()
    pings: int = 0
    changes: int = 0
    since: Micros = 0
    offset: int = -1
    stamped: tuple[int, ...] = ()
    last_ping: Micros | None = None
    last_success: Micros | None = None
    last_start: Micros | None = None
    last_duration: Micros | None = None
    last_exitstatus: int | None = None
    incident: str | None = None
    down_since: Micros | None = None
    cause: str = ""
    down_time: Micros = 0
    last_down: Outage | None = None
    reminders: int = 0
    acknowledged: Acknowledged | None = None
    escalation: Escalating | None = None
    muted: bool = False
    by_tag: bool = False
    own_mute_over: bool = False
    silenced: bool = False
    owed: Owed | None = None
    untold: tuple[str, ...] = ()
    again: bool = False
    parked: str | None = None
    output: Output | None = None
    run_times: RunTimes | None = None
    maintained: bool = False
    failing: Failing | None = None
    excused: Micros | None = None


class CheckStanding(Struct, frozen=True, gc=False):
    """What a check is, and since when: some fields of its state."""

    status: Status
    late: bool
    unobserved: bool
    maintained: bool
    since: Micros


def visible_status(state: CheckState | CheckStanding) -> VisibleStatus:
    """The visible status. APIs without a word for `not_observed` present it as late."""
    if state.maintained and state.status in ("new", "up"):
        return "maintenance"
    if state.unobserved:
        return "not_observed"
    return "late" if state.late else state.status


class DefinitionCopy(Fact, tag="definition", frozen=True):
    """The `checks` fold's own copy of a definition."""

    check: Check


CheckStatesRecord = (
    CheckState
    | DefinitionCopy
    | EscalationCopy
    | OnCallCopy
    | ChoiceCopy
    | MaintenanceCopy
    | TagMuteCopy
    | Gap
    | Progress
)
