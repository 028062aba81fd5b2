"""The topics of Pingfold: what is keyed by what, how many partitions, what is kept.

`journal`  facts in order per partition, kept for ever unless set otherwise; folds read them.
`state`    compacted, the newest record of each thing; written by the fold of one journal, partition by partition.
`stream`   effects for readers outside the folds.
"""

from dataclasses import dataclass
from enum import StrEnum


class Cleanup(StrEnum):
    DELETE = "delete"
    COMPACT = "compact"


DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic's contract. `retention_ms` -1 keeps for ever, unless a setting says otherwise (`infra/log/retention.py`);
    every topic has the deployment's partition count.

    stamped: the time of a record is the broker's, whatever clock its producer has.
    """

    name: str
    key: str
    cleanup: Cleanup = Cleanup.DELETE
    retention_ms: int = -1
    segment_bytes: int = 64 * 2**20
    stamped: bool = False

    def __str__(self) -> str:
        return self.name


# Journals.
PROJECTS = Topic("projects", key="project id", stamped=True)
PINGS = Topic("pings", key="check id", stamped=True)
PROBE_RESULTS = Topic("probe-results", key="monitor id", stamped=True)
DELIVERIES = Topic("deliveries", key="channel id", stamped=True)

# State topics: record N of a journal's partition P is folded into partition P here. The newest segment of a partition
# is never compacted, and whoever starts reads all of it: small ones keep that short.
_STATES_SEGMENT = 8 * 2**20
DEFINITIONS = Topic("definitions", key="kind/id", cleanup=Cleanup.COMPACT, segment_bytes=_STATES_SEGMENT)
CHECK_STATES = Topic("check-states", key="check id, or kind/id", cleanup=Cleanup.COMPACT, segment_bytes=_STATES_SEGMENT)
MONITOR_STATES = Topic(
    "monitor-states", key="monitor id, or kind/id", cleanup=Cleanup.COMPACT, segment_bytes=_STATES_SEGMENT
)
DELIVERY_STATES = Topic("delivery-states", key="kind/id", cleanup=Cleanup.COMPACT, segment_bytes=_STATES_SEGMENT)

# A compacted topic that no fold writes: when each API key was last used.
KEY_USES = Topic("key-uses", key="key id", cleanup=Cleanup.COMPACT, segment_bytes=2**20)

# Streams.
TRANSITIONS = Topic("transitions", key="thing id")
DECISIONS = Topic("decisions", key="request id", retention_ms=DAY_MS // 24, segment_bytes=16 * 2**20)
DEAD_LETTERS = Topic("dead-letters", key="key of the refused record")
HEARTBEATS = Topic("heartbeats", key="slot", retention_ms=DAY_MS // 24, segment_bytes=2**20, stamped=True)

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

# A commit record of a compacted topic must outlive the reading of a snapshot (`pingfold replay --verify`).
COMPACTION_LAG_MS = 60_000
# By then a record that another has replaced is gone. Each time all states are written anew, so it is not done often.
LONGEST_COMPACTION_LAG_MS = DAY_MS // 2
