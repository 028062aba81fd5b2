"""What of a journal, and of its states, concerns one thing alone. Pure."""

from schemas.incidents import IncidentAcknowledged, IncidentCommented, IncidentReleased, IncidentToTell
from schemas.pings import CheckDefined, CheckPaused, CheckRemoved, CheckResumed, Ping
from schemas.probes import CertificateTested, DomainTested, MonitorDefined, MonitorRemoved, ProbeCompleted
from schemas.published import tag_of
from schemas.ticks import PROGRESS_KEY

_OF_INCIDENTS = (IncidentAcknowledged, IncidentCommented, IncidentReleased, IncidentToTell)
# The events that are about the thing of their key and change nothing else, by fold.
_OF_ONE_THING: dict[str, tuple[type, ...]] = {
    "checks": (Ping, CheckDefined, CheckRemoved, CheckPaused, CheckResumed, *_OF_INCIDENTS),
    "monitors": (CertificateTested, DomainTested, MonitorDefined, MonitorRemoved, ProbeCompleted, *_OF_INCIDENTS),
}
# The kinds of states of which each is of one thing, as their keys begin.
STATES_OF_ONE = ("definition/", "validity/")


def prefix(event: type) -> bytes:
    """How the JSON of an event begins, as we write it."""
    return b'{"type":"%s"' % tag_of(event).encode()


def of_one_thing(*folds: str) -> tuple[bytes, ...]:
    """How the events of these folds begin that are about the thing of their key alone."""
    return tuple(prefix(event) for fold in folds for event in _OF_ONE_THING[fold])


def is_shared(key: str) -> bool:
    """Whether the state of this key concerns the whole partition, or may."""
    return key == PROGRESS_KEY or ("/" in key and not key.startswith(STATES_OF_ONE))
