"""The states of one partition as a fold sees them: a mapping that notes what changed, and can undo one event."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, TypeVar

import msgspec

from processors.fold.stretches import sorted_in_stretches
from schemas.base import Value, encode
from schemas.ticks import PROGRESS_KEY

V = TypeVar("V", bound=Value)


class View:
    """The states of one partition: a mapping that notes what changed and can undo the event in hand.

    Records are never changed in place: `edit` hands out a copy that already stands in the view. Those of a type that
    says `kept_packed` stand here as their JSON, and are decoded each time they are asked for; they cannot be edited.
    """

    def __init__(self, records: Mapping[str, msgspec.Struct | bytes] | None = None) -> None:
        """`records` may hold the JSON of those that are kept packed."""
        given = (records or {}).items()
        self._records: dict[str, msgspec.Struct | bytes] = {key: _kept(record) for key, record in given}
        # The record under a key as it stands here, None if there is none: no copy, and JSON if it is kept packed.
        self.stored: Callable[[str], Any] = self._records.get
        self._changed: set[str] = set()
        self._before: dict[str, tuple[msgspec.Struct | bytes | None, bool]] = {}
        self._decode: Callable[[bytes], msgspec.Struct] = _no_decoder
        self.listeners: list[Callable[[str, msgspec.Struct | None, msgspec.Struct | None], None]] = []

    def unpack_with(self, decode: Callable[[bytes], Any]) -> None:
        """How records that are kept packed are decoded. To be told before the first is asked for."""
        self._decode = decode

    def get(self, key: str) -> Any:
        """The record under `key`, or None. To be read only."""
        record = self._records.get(key)
        return self._decode(record) if type(record) is bytes else record

    def _unpacked(self, record: msgspec.Struct | bytes | None) -> msgspec.Struct | None:
        return self._decode(record) if isinstance(record, bytes) else record

    def __len__(self) -> int:
        return len(self._records)

    def items(self) -> Iterator[tuple[str, msgspec.Struct]]:
        """All records; the view must not change meanwhile."""
        decode = self._decode
        for key, record in self._records.items():
            yield key, decode(record) if isinstance(record, bytes) else record

    def stored_items(self) -> Iterable[tuple[str, Any]]:
        """All records as they stand here, those that are kept packed as JSON; the view must not change meanwhile."""
        return self._records.items()

    def edit(self, record_type: type[V], key: str) -> V:
        """A copy of the record under `key` to be changed; it is in the view at once."""
        old = self._records[key]
        assert isinstance(old, record_type)
        if key in self._before:
            return old
        new = msgspec.structs.replace(old)
        self._before[key] = old, key in self._changed
        self._changed.add(key)
        self._records[key] = new
        return new

    def put(self, key: str, record: msgspec.Struct) -> None:
        """Set the record under `key`."""
        old = self._records.get(key)
        self._note(key, old)
        self._records[key] = _kept(record)
        for listener in self.listeners:
            listener(key, self._unpacked(old), record)

    def delete(self, key: str) -> None:
        """Remove the record under `key`, if there is one."""
        old = self._records.get(key)
        if old is None:
            return
        self._note(key, old)
        del self._records[key]
        for listener in self.listeners:
            listener(key, self._unpacked(old), None)

    def _note(self, key: str, old: msgspec.Struct | bytes | None) -> None:
        if key not in self._before:
            self._before[key] = (old, key in self._changed)
        self._changed.add(key)

    def keep(self) -> None:
        """The event in hand is done: what it changed can no more be undone."""
        self._before.clear()

    def undo(self) -> None:
        """Put back what the event in hand changed."""
        for key, (old, was_changed) in self._before.items():
            new = self._records.get(key)
            if old is None:
                self._records.pop(key, None)
            else:
                self._records[key] = old
            if not was_changed:
                self._changed.discard(key)
            for listener in self.listeners:
                listener(key, self._unpacked(new), self._unpacked(old))
        self._before.clear()

    def touched(self) -> dict[str, msgspec.Struct | None]:
        """The records that the event in hand has set, changed or removed, by key, as they were before it."""
        return {key: self._unpacked(old) for key, (old, _) in self._before.items()}

    @property
    def changed(self) -> AbstractSet[str]:
        """Keys of the records changed since `take_changes`."""
        return self._changed

    def take_changes(self) -> dict[str, msgspec.Struct | None]:
        """Every record changed since the last call, None for a removed one; the partition's own record comes last.

        Whoever reads the state topic and sees the partition's record has therefore seen what it speaks of.
        """
        keys = sorted_in_stretches(self._changed - {PROGRESS_KEY})
        if PROGRESS_KEY in self._changed:
            keys.append(PROGRESS_KEY)
        changes = {key: self._unpacked(self._records.get(key)) for key in keys}
        self._changed.clear()
        return changes


def _no_decoder(packed: bytes) -> msgspec.Struct:
    raise LookupError("the view has not been told how to decode the records that it keeps packed")


def _kept(record: msgspec.Struct | bytes) -> msgspec.Struct | bytes:
    """A record as it stands in the view; JSON without the room that the encoder leaves behind what it has written."""
    if isinstance(record, bytes) or not getattr(record, "kept_packed", False):
        return record
    return bytes(memoryview(encode(record)))
