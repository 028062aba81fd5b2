"""Which records of a partition concern the things that are asked about. Pure.

What is of another thing changes nothing of a chosen one, and is passed over before it is decoded; ticks, and what
concerns many, are folded. A record that is not known to be another thing's is folded as well, which does no harm: the
fold knows no such thing.
"""

from collections.abc import Set

import msgspec

from schemas.incidents import IncidentAcknowledged, IncidentCommented, IncidentReleased, IncidentToTell
from schemas.pings import CheckDefined, CheckPaused, CheckRemoved, CheckResumed, Ping
from schemas.probes import CertificateTested, DomainTested, MonitorDefined, MonitorRemoved, ProbeCompleted
from schemas.published import tag_of
from schemas.ticks import Tick, TimeCorrected


def prefix(event_type: type[msgspec.Struct]) -> bytes:
    """How the JSON of an event begins, as we write it."""
    return b'{"type":"' + tag_of(event_type).encode() + b'"'


# Events that concern the thing of their key alone.
_OF_ONE = tuple(
    prefix(each)
    for each in (
        *(Ping, ProbeCompleted, CheckDefined, CheckRemoved, CheckPaused, CheckResumed),
        *(MonitorDefined, MonitorRemoved, CertificateTested, DomainTested),
        *(IncidentAcknowledged, IncidentReleased, IncidentCommented, IncidentToTell),
    )
)
# Events that move the time of a partition.
TIME = (prefix(Tick), prefix(TimeCorrected))
_OF_THING = ("definition/", "validity/")


class Selection:
    """ids: those of the chosen things."""

    def __init__(self, ids: Set[str]) -> None:
        self.ids = ids
        self.keys = frozenset(id.encode() for id in ids)

    def wants(self, key: bytes | None, value: bytes | None) -> bool:
        """Whether a record is to be folded."""
        return key in self.keys or value is None or not value.startswith(_OF_ONE)

    def wants_state(self, key: str) -> bool:
        """Whether a state is to be begun with: those of other things are not."""
        kind, slash, id = key.rpartition("/")
        if slash and f"{kind}/" not in _OF_THING:
            return True
        return id in self.ids or (not slash and len(id) != 36)
