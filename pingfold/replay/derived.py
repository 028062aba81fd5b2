"""Which records of a topic only folds can have made. Pure.

Streams (`transitions`, `decisions`, `dead-letters`) hold nothing else. Journals hold what web processes, probers, the
ticker, the sender and operators append, too: there, the type tells, and for delivery requests the id of the transition,
which is derived in a fold and random in a test that somebody asks for. A dead letter that was put back is no effect.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec

from infra.log.reading import Stored
from processors.fold.contract import Effect, Fold
from schemas.dead_letters import RETRIED_HEADER
from schemas.deliveries import DeliveryRequested
from schemas.ids import is_derived
from schemas.published import tag_of
from schemas.requests import OutageEnded, ThingsUnobserved
from schemas.topics import DEAD_LETTERS, DECISIONS, DELIVERIES, JOURNALS, TRANSITIONS, Topic
from schemas.transitions import IncidentTold, ThingChanged

# Whether a record was made by a fold.
IsMade = Callable[[Stored], bool]


class _Requested(msgspec.Struct):
    transition: str


class _Letter(msgspec.Struct):
    topic: str


_requested = msgspec.json.Decoder(_Requested).decode
_letter = msgspec.json.Decoder(_Letter).decode


# Effects that older versions of a fold did not make, and the first version that does.
_SINCE: dict[type[msgspec.Struct], Mapping[str, int]] = {
    ThingChanged: {"projects": 4, "checks": 5, "deliveries": 6},
    IncidentTold: {"checks": 6, "monitors": 6},
    OutageEnded: {"checks": 6},
    ThingsUnobserved: {"checks": 6, "monitors": 6},
}


def effect_topics() -> dict[Topic, IsMade]:
    """Every topic to which the folds of Pingfold send effects."""
    streams: dict[Topic, IsMade] = {topic: any_record for topic in (TRANSITIONS, DECISIONS, DEAD_LETTERS)}
    journals = {
        journal: of_types(
            [tag_of(each) for each in journal.from_folds],
            {tag_of(DeliveryRequested): _is_of_a_transition} if journal is DELIVERIES else {},
        )
        for journal in JOURNALS
    }
    return streams | journals


def made_by(fold: str, version: int, effects: Sequence[Effect]) -> Sequence[Effect]:
    """Without those that this version of a fold did not make yet; 0: the version is not known."""
    missing = tuple(kind for kind, since in _SINCE.items() if 0 < version < since.get(fold, 0))
    return [effect for effect in effects if not isinstance(effect.value, missing)] if missing else effects


def any_record(_: Stored) -> bool:
    return True


def letters_of(folds: Collection[Fold]) -> IsMade:
    """Dead letters of the journals of these folds."""
    journals = {fold.journal.name for fold in folds}

    def is_made(stored: Stored) -> bool:
        try:
            return _letter(stored.value or b"").topic in journals
        except msgspec.MsgspecError:
            return False

    return is_made


def of_types(tags: Collection[str], conditions: Mapping[str, Callable[[bytes], bool]] | None = None) -> IsMade:
    """Records of these types, as a fold writes them; of a type in `conditions`, only those for which it holds."""
    prefixes = {_prefix(tag): (conditions or {}).get(tag) for tag in tags}
    any_prefix = tuple(prefixes)

    def is_made(stored: Stored) -> bool:
        value = stored.value or b""
        if not value.startswith(any_prefix) or any(name == RETRIED_HEADER for name, _ in stored.headers or ()):
            return False
        condition = next(condition for prefix, condition in prefixes.items() if value.startswith(prefix))
        return condition is None or condition(value)

    return is_made


def _prefix(tag: str) -> bytes:
    # Structs are encoded with their type first, and without spaces.
    return b'{"type":"%s"' % tag.encode()


def _is_of_a_transition(value: bytes) -> bool:
    try:
        return is_derived(_requested(value).transition)
    except msgspec.MsgspecError:
        return False
