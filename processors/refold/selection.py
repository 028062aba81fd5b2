"""What of a journal, and of the states of its partition, concerns one thing. Pure.

A fold of checks or monitors judges each thing by its own events and by what concerns the whole partition: ticks, gaps,
windows, mutes of tags, policies, regions, dependencies. So a thing comes out the same when the events of other things
are left out. Whatever is not known to be of another thing is kept: a record more is never wrong.
"""

from collections.abc import Callable

from infra.log.reading import Asked
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
_STATES_OF_ONE = ("definition/", "validity/")


def prefix(event: type) -> bytes:
    """How the JSON of an event begins, as we write it."""
    return b'{"type":"%s"' % tag_of(event).encode()


def of_one_thing(*folds: str) -> tuple[bytes, ...]:
    """How the events of these folds begin that are about the thing of their key alone."""
    return tuple(prefix(event) for fold in folds for event in _OF_ONE_THING[fold])


def events_about(fold: str, thing: str) -> Asked:
    """Whether a record of the journal of `fold` can move this thing."""
    own = thing.encode()
    others = of_one_thing(fold)

    def concerns(key: bytes | None, value: bytes | None) -> bool:
        return key == own or value is None or not value.startswith(others)

    return concerns


def own_states(thing: str) -> tuple[str, ...]:
    """The keys of the states that are of this thing alone."""
    return (thing, *(f"{kind}{thing}" for kind in _STATES_OF_ONE))


def is_shared(key: str) -> bool:
    """Whether the state of this key concerns the whole partition, or may."""
    return key == PROGRESS_KEY or ("/" in key and not key.startswith(_STATES_OF_ONE))


def states_about(thing: str) -> Callable[[str], bool]:
    """Whether the state of this key is needed to fold the thing."""
    own = set(own_states(thing))
    return lambda key: key in own or is_shared(key)
