"""The running states of checks or monitors as the API sees them: the newest records of a state topic, kept packed.

Fed by a replica's thread, read by the event loop. Every write is one atomic change of one dictionary. A fold writes a
partition's own record last in each transaction, so whoever sees `applied` at an offset sees the states, too.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from query_api.state.changes import Changes
from schemas.check_states import CheckState
from schemas.monitor_states import VALIDITY, MonitorState, Validity
from schemas.packing import Packing, id_key
from schemas.ticks import PROGRESS_KEY, Progress

S = TypeVar("S", CheckState, MonitorState)
P = TypeVar("P", bound=msgspec.Struct)

# Fields that nobody but the fold reads.
_FOR_THE_FOLD = ("stamped", "last_start")

# They hold no states, and take a millisecond to make.
_packings: dict[type[Any], Packing[Any]] = {
    kind: Packing(kind, without=_FOR_THE_FOLD) for kind in (CheckState, MonitorState)
}
_validity_packing = Packing(Validity, without=("parked", "warned"))

_progress = msgspec.json.Decoder(Progress).decode


class States(Generic[S]):
    """Running states by the id of their thing, and how far each partition has been folded. changes: what has come to
    look otherwise, noted while somebody follows it."""

    def __init__(self, kind: type[S]) -> None:
        self.changes = Changes()
        self._decode: Callable[[bytes], S] = msgspec.json.Decoder(kind).decode
        self._packing: Packing[S] = _packings[kind]
        self._parts: dict[type[Any], Callable[[bytes], Any]] = {}
        self._states: dict[int | str, bytes] = {}
        self._progress: dict[int, Progress] = {}

    def apply(self, partition: int, key: str, value: bytes | None) -> None:
        """Take one record; the fold's own copies of definitions and its gaps are not ours."""
        if key == PROGRESS_KEY:
            if value is None:
                self._progress.pop(partition, None)
            else:
                self._progress[partition] = _progress(value)
            return
        if "/" in key:
            return
        before = self._states.get(id_key(key)) if self.changes.followers else None
        state = None if value is None else self._decode(value)
        if state is None:
            self._states.pop(id_key(key), None)
        else:
            self._states[id_key(key)] = self._packing.pack(state)
        if self.changes.followers:
            was = None if before is None else self._packing.unpack(before)
            if _looks(was) != _looks(state):
                self.changes.note(key)

    def __len__(self) -> int:
        return len(self._states)

    def state(self, id: str) -> S | None:
        """The running state of a thing; None before the fold has seen it."""
        packed = self._states.get(id_key(id))
        return None if packed is None else self._packing.unpack(packed)

    def part(self, id: str, kind: type[P]) -> P | None:
        """Some fields of the running state, those of `kind`: for questions about very many things."""
        packed = self._states.get(id_key(id))
        if packed is None:
            return None
        if (read := self._parts.get(kind)) is None:
            read = self._parts[kind] = self._packing.part(kind)
        found: P = read(packed)
        return found

    def packed(self, id: str) -> bytes | None:
        """What is kept of the running state of a thing: another object after each of its events."""
        return self._states.get(id_key(id))

    def version(self, id: str) -> int:
        """The version of the definition that the fold has folded; 0 before the first."""
        state = self.state(id)
        return 0 if state is None else state.version

    def applied(self, partition: int) -> int:
        """Offset of the last event of the journal that is in the states of this partition; -1 before the first."""
        progress = self._progress.get(partition)
        return -1 if progress is None else progress.applied

    def progress(self, partition: int) -> Progress | None:
        """The partition's own record, as last committed."""
        return self._progress.get(partition)


def _looks(state: CheckState | MonitorState | None) -> tuple[object, ...]:
    """What a list of things shows of one; a ping or a result that changes no status changes none of it."""
    if state is None:
        return ()
    return state.version, state.changes, state.status, state.acknowledged, state.muted, state.incident


class MonitorStates(States[MonitorState]):
    """Running states of monitors, and what is known of their certificates and domains."""

    def __init__(self) -> None:
        super().__init__(MonitorState)
        self._decode_validity = msgspec.json.Decoder(Validity).decode
        self._validities: dict[int | str, bytes] = {}

    def apply(self, partition: int, key: str, value: bytes | None) -> None:
        kind, _, id = key.partition("/")
        if kind != VALIDITY or not id:
            super().apply(partition, key, value)
        elif value is None:
            self._validities.pop(id_key(id), None)
        else:
            self._validities[id_key(id)] = _validity_packing.pack(self._decode_validity(value))

    def validity(self, id: str) -> Validity | None:
        """What is known of a monitor's certificate and domain; None when nothing is."""
        packed = self._validities.get(id_key(id))
        return None if packed is None else _validity_packing.unpack(packed)
