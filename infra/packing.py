"""Packing: structs in few bytes, for processes that keep very many of them and look at few.

The fields stand in their order, without names, as MessagePack; UUIDs as their 16 bytes. The form is that of this
program only: it is never written anywhere.
"""

import re
from collections.abc import Callable, Collection
from operator import attrgetter
from typing import Any, Generic, TypeVar, cast

import msgspec

S = TypeVar("S", bound=msgspec.Struct)

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch


def short_id(id: str) -> str | bytes:
    """The 16 bytes of a UUID in its usual form; any other text as it is."""
    return bytes.fromhex(id.replace("-", "")) if _UUID(id) else id


def long_id(short: str | bytes) -> str:
    """What `short_id` made short."""
    if isinstance(short, str):
        return short
    text = short.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def id_key(id: str) -> int | str:
    """What stands for an id as the key of a large dictionary: half as large as the text."""
    return int(id.replace("-", ""), 16) if _UUID(id) else id


class Packing(Generic[S]):
    """Packs structs of one type.

    ids: fields that hold an id or a tuple of ids. without: fields that are left out; `unpack` is given their values, or
    they have their defaults.
    """

    def __init__(self, kind: type[S], ids: Collection[str] = (), without: Collection[str] = ()) -> None:
        fields = [field for field in msgspec.structs.fields(kind) if field.name not in without]
        self._kind = kind
        self._names = tuple(field.name for field in fields)
        self._values = cast(Callable[[S], tuple[Any, ...]], attrgetter(*self._names))
        self._ids = [number for number, name in enumerate(self._names) if name in ids]
        types = [Any if field.name in ids else field.type for field in fields]
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(tuple[tuple(types)]).decode  # type: ignore[misc]

    def pack(self, value: S) -> bytes:
        """The value in few bytes."""
        values = self._values(value)
        if not self._ids:
            return _tight(self._encode(values))
        row = list(values)
        for number in self._ids:
            held = row[number]
            row[number] = short_id(held) if isinstance(held, str) else tuple(map(short_id, held))
        return _tight(self._encode(row))

    def unpack(self, packed: bytes, **others: Any) -> S:
        """What was packed; `others` are the fields left out."""
        values = dict(zip(self._names, self._decode(packed), strict=True))
        for number in self._ids:
            name = self._names[number]
            held = values[name]
            values[name] = tuple(map(long_id, held)) if isinstance(held, list) else long_id(held)
        return self._kind(**values, **others)


def _tight(encoded: bytes) -> bytes:
    """A copy without the room that the encoder leaves behind what it has written."""
    return bytes(memoryview(encoded))
