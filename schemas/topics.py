"""The topics of Pingfold: what is keyed by what, how many partitions, what is kept. The one place where a fold is
registered: everything that must know of its topics derives from here (docs/decisions/0068).

`journal`  facts in order per partition, kept for ever unless set otherwise; one fold reads them.
`state`    compacted, the newest record of each thing; written by the fold of one journal, partition by partition.
`stream`   effects for readers outside the folds.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from schemas.check_states import CheckStatesRecord
from schemas.claims import CheckClaimed, ClaimReleased, IdClaim
from schemas.dead_letters import DeadLetter
from schemas.decisions import Decision
from schemas.definitions import Definition
from schemas.deliveries import (
    ConfirmationRequested,
    DeliveriesEvent,
    DeliveryRequested,
    DeliveryStatesRecord,
    EndpointDefined,
    EndpointRemoved,
    InvitationRequested,
    MailboxAnswered,
)
from schemas.escalations import EscalationDefined, EscalationRemoved
from schemas.incidents import IncidentAcknowledged, IncidentCommented, IncidentReleased, IncidentToTell
from schemas.key_uses import KeyUsed
from schemas.message_templates import TemplateDefined, TemplateRemoved
from schemas.monitor_states import MonitorStatesRecord
from schemas.notice_choices import NoticesChosen
from schemas.on_call import OnCallDefined, OnCallRemoved
from schemas.people import PersonMade
from schemas.pings import CheckDefined, CheckRemoved, PingsEvent
from schemas.probes import (
    DependencyChanged,
    MaintenanceDefined,
    MaintenanceRemoved,
    MonitorDefined,
    MonitorRemoved,
    ProbeResultsEvent,
)
from schemas.project_outages import ProjectOutages
from schemas.reports import ReportState
from schemas.requests import (
    ChannelDisabled,
    ChannelFailing,
    MuteEnded,
    OutageEnded,
    ProjectsEvent,
    ThingsUnobserved,
)
from schemas.sent_forms import SentForms
from schemas.tag_mutes import TagMuted, TagUnmuted
from schemas.ticks import Heartbeat, Progress, Tick, TimeCorrected
from schemas.tokens import TokenCounters
from schemas.transitions import Transition


class Cleanup(StrEnum):
    DELETE = "delete"
    COMPACT = "compact"


DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic's contract. `retention_ms` -1 keeps for ever, unless a setting says otherwise (`infra/log/retention.py`);
    every topic has the deployment's partition count.

    stamped: the time of a record is the broker's, whatever clock its producer has.
    carries: the union of the types in it, as a decoder takes it.
    written_by: the roles that append to it, besides workers, which may append to every topic.

    Of a journal. fold: the name of the fold that reads it, `FOLD` in `processors/<fold>/fold.py`. ticked: the ticker
    tells it the time. from_folds: those of its types that only folds append.
    Of a state topic. journal: the one whose fold writes it.
    """

    name: str
    key: str
    carries: Any = field(default=None, compare=False, repr=False)
    cleanup: Cleanup = Cleanup.DELETE
    retention_ms: int = -1
    segment_bytes: int = 64 * 2**20
    stamped: bool = False
    written_by: tuple[str, ...] = field(default=(), compare=False)
    fold: str = field(default="", compare=False)
    ticked: bool = field(default=False, compare=False)
    from_folds: tuple[type, ...] = field(default=(), compare=False, repr=False)
    journal: "Topic | None" = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return self.name


# Journals.
PROJECTS = Topic(
    "projects",
    key="project id, check id or person id",
    carries=ProjectsEvent | Tick | TimeCorrected,
    stamped=True,
    written_by=("web",),
    fold="projects",
    ticked=True,
    from_folds=(
        *(ChannelDisabled, ChannelFailing, MuteEnded, OutageEnded, ThingsUnobserved),
        *(CheckClaimed, ClaimReleased, PersonMade),
    ),
)
PINGS = Topic(
    "pings",
    key="check id",
    carries=PingsEvent,
    stamped=True,
    written_by=("web",),
    fold="checks",
    from_folds=(
        *(CheckDefined, CheckRemoved, IncidentAcknowledged, IncidentReleased, IncidentCommented),
        *(IncidentToTell, EscalationDefined, EscalationRemoved, OnCallDefined, OnCallRemoved, NoticesChosen),
        *(MaintenanceDefined, MaintenanceRemoved, TagMuted, TagUnmuted),
    ),
)
PROBE_RESULTS = Topic(
    "probe-results",
    key="monitor id",
    carries=ProbeResultsEvent,
    stamped=True,
    written_by=("prober",),
    fold="monitors",
    ticked=True,
    from_folds=(
        *(MonitorDefined, MonitorRemoved, MaintenanceDefined, MaintenanceRemoved, DependencyChanged, NoticesChosen),
        *(IncidentAcknowledged, IncidentReleased, IncidentCommented, IncidentToTell),
        *(EscalationDefined, EscalationRemoved, OnCallDefined, OnCallRemoved),
    ),
)
DELIVERIES = Topic(
    "deliveries",
    key="channel id",
    carries=DeliveriesEvent,
    stamped=True,
    written_by=("web",),
    fold="deliveries",
    ticked=True,
    from_folds=(
        *(EndpointDefined, EndpointRemoved, DeliveryRequested),
        *(ConfirmationRequested, InvitationRequested, MailboxAnswered),
        *(TemplateDefined, TemplateRemoved),
    ),
)


def _states(name: str, key: str, carries: Any, journal: Topic) -> Topic:
    """A state topic: record N of a journal's partition P is folded into partition P there. The newest segment of a
    partition is never compacted, and whoever starts reads all of it: small ones keep that short."""
    return Topic(name, key, carries, cleanup=Cleanup.COMPACT, segment_bytes=8 * 2**20, journal=journal)


DEFINITIONS = _states(
    "definitions",
    "kind/id, or tokens",
    Definition | ReportState | TokenCounters | ProjectOutages | IdClaim | SentForms | Progress,
    PROJECTS,
)
CHECK_STATES = _states("check-states", "check id, or kind/id", CheckStatesRecord, PINGS)
MONITOR_STATES = _states("monitor-states", "monitor id, or kind/id", MonitorStatesRecord, PROBE_RESULTS)
DELIVERY_STATES = _states("delivery-states", "kind/id", DeliveryStatesRecord, DELIVERIES)

# A compacted topic that no fold writes: when each API key was last used.
KEY_USES = Topic(
    "key-uses", key="key id", carries=KeyUsed, cleanup=Cleanup.COMPACT, segment_bytes=2**20, written_by=("web",)
)

# Streams.
TRANSITIONS = Topic("transitions", key="thing id", carries=Transition)
DECISIONS = Topic("decisions", key="request id", carries=Decision, retention_ms=DAY_MS // 24, segment_bytes=16 * 2**20)
DEAD_LETTERS = Topic("dead-letters", key="key of the refused record", carries=DeadLetter)
HEARTBEATS = Topic(
    "heartbeats",
    key="slot",
    carries=Heartbeat,
    retention_ms=DAY_MS // 24,
    segment_bytes=2**20,
    stamped=True,
    written_by=("web", "ticker", "prober"),
)

TOPICS = (
    PROJECTS,
    PINGS,
    PROBE_RESULTS,
    DELIVERIES,
    DEFINITIONS,
    CHECK_STATES,
    MONITOR_STATES,
    DELIVERY_STATES,
    KEY_USES,
    TRANSITIONS,
    DECISIONS,
    DEAD_LETTERS,
    HEARTBEATS,
)

# In the order in which a request travels through their folds.
JOURNALS = tuple(topic for topic in TOPICS if topic.fold)
# Every state topic, and the journal whose fold writes it.
JOURNAL_OF = {topic: topic.journal for topic in TOPICS if topic.journal is not None}

# A commit record of a compacted topic must outlive the reading of a snapshot (`pingfold replay --verify`).
COMPACTION_LAG_MS = 60_000
# By then a record that another has replaced is gone. Each time all states are written anew, so it is not done often.
LONGEST_COMPACTION_LAG_MS = DAY_MS // 2
