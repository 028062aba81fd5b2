"""The states of one partition as a fold sees them: a mapping that notes what changed, and can undo one event."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, TypeVar

import msgspec

from processors.fold.packed import PLAIN, Packer
from processors.fold.stretches import sorted_in_stretches
from schemas.base import Value
from schemas.ticks import PROGRESS_KEY

V = TypeVar("V", bound=Value)
R = TypeVar("R", bound=msgspec.Struct)


class View:
    """The states of one partition: a mapping that notes what changed and can undo the event in hand.

    Records are never changed in place: `edit` hands out a copy that already stands in the view. Those of the types that
    the fold's packer names stand here packed from `take_changes` on, and are unpacked each time they are asked for.
    """

    def __init__(self, records: Mapping[str, msgspec.Struct | bytes] | None = None) -> None:
        """`records` may hold some that are packed already."""
        self._records: dict[str, msgspec.Struct | bytes] = dict(records or {})
        self._changed: set[str] = set()
        self._before: dict[str, tuple[msgspec.Struct | bytes | None, bool]] = {}
        self._packer = PLAIN
        self._last: tuple[bytes, Any] = b"", None
        self.listeners: list[Callable[[str, msgspec.Struct | None, msgspec.Struct | None], None]] = []

    def pack_with(self, packer: Packer) -> None:
        """How records are packed from now on; to be told before the first is asked for."""
        self._packer = packer
        if packer.pack:
            for key in [key for key, record in self._records.items() if type(record) in packer.pack]:
                self._pack(key)

    def _pack(self, key: str) -> None:
        record = self._records.get(key)
        pack = self._packer.pack.get(type(record))  # type: ignore[arg-type]
        if pack is not None:
            self._records[key] = pack(record)

    def get(self, key: str) -> Any:
        """The record under `key`, or None. To be read only."""
        record = self._records.get(key)
        return self._read(record) if type(record) is bytes else record

    def _read(self, packed: bytes) -> Any:
        """The last is remembered: what is asked for is often asked for again, or edited."""
        if packed is self._last[0]:
            return self._last[1]
        record = self._packer.unpack(packed)
        self._last = packed, record
        return record

    def packed(self, key: str) -> bytes | None:
        """The record under `key` as the fold's packer made it, for who reads but a part; None if there is none."""
        record = self._records.get(key)
        if record is None or isinstance(record, bytes):
            return record
        return self._packer.pack[type(record)](record)

    def _unpacked(self, record: msgspec.Struct | bytes | None) -> msgspec.Struct | None:
        return self._packer.unpack(record) if isinstance(record, bytes) else record

    def __len__(self) -> int:
        return len(self._records)

    def __contains__(self, key: str) -> bool:
        return key in self._records

    def _walk(self) -> Iterable[tuple[str, msgspec.Struct | bytes]]:
        """All records as they stand here; every walk through them comes by here."""
        return self._records.items()

    def items(self) -> Iterator[tuple[str, msgspec.Struct]]:
        """All records; the view must not change meanwhile."""
        unpack = self._packer.unpack
        for key, record in self._walk():
            yield key, unpack(record) if isinstance(record, bytes) else record

    def items_but_packed(self) -> Iterator[tuple[str, Any]]:
        """The records of all other types than those that the fold's packer names; the view must not change meanwhile.

        They are few: what looks for some of them does not unpack the many.
        """
        pack = self._packer.pack
        for key, record in self._walk():
            if not isinstance(record, bytes) and type(record) not in pack:
                yield key, record

    def items_of(self, record_type: type[R]) -> Iterator[tuple[str, R]]:
        """The records of one type; no others are unpacked. The view must not change meanwhile."""
        _, unpack, type_of = self._packer
        for key, record in self._walk():
            if isinstance(record, bytes):
                if type_of(record) is record_type:
                    yield key, unpack(record)
            elif isinstance(record, record_type):
                yield key, record

    def packed_items(self, record_type: type[msgspec.Struct]) -> Iterator[tuple[str, bytes]]:
        """Those of a type that the fold's packer names, as it made them; the view must not change meanwhile."""
        type_of, pack = self._packer.type_of, self._packer.pack[record_type]
        for key, record in self._walk():
            if isinstance(record, bytes):
                if type_of(record) is record_type:
                    yield key, record
            elif type(record) is record_type:
                yield key, pack(record)

    def edit(self, record_type: type[V], key: str) -> V:
        """A copy of the record under `key` to be changed; it is in the view at once."""
        old = self._records[key]
        record = self._read(old) if isinstance(old, bytes) else old
        assert isinstance(record, record_type)
        if key in self._before and record is old:
            return record
        new = msgspec.structs.replace(record)
        self._before[key] = old, key in self._changed
        self._changed.add(key)
        self._records[key] = new
        return new

    def put(self, key: str, record: msgspec.Struct) -> None:
        """Set the record under `key`."""
        old = self._records.get(key)
        self._note(key, old)
        self._records[key] = record
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
        if self._packer.pack:
            for key in keys:
                self._pack(key)
        self._changed.clear()
        return changes
