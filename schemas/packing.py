"""Packing: structs in few bytes, for processes that keep very many of them and look at few.

The fields stand under names of one letter, as MessagePack, those that have their defaults not at all; UUIDs as their
16 bytes. The form is that of this program only: it is never written anywhere.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from operator import attrgetter
from typing import Any, Generic, TypeVar, cast

import msgspec

S = TypeVar("S", bound=msgspec.Struct)
P = TypeVar("P", bound=msgspec.Struct)

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
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
    they have their defaults. A field that was left to its default comes out so, and its JSON is what it was.
    """

    def __init__(self, kind: type[S], ids: Collection[str] = (), without: Collection[str] = ()) -> None:
        fields = [field for field in msgspec.structs.fields(kind) if field.name not in without]
        fields.sort(key=lambda field: not field.required)  # as parameters stand
        self._kind = kind
        self._fields = {field.name: field for field in fields}
        self._names = tuple(self._fields)
        self._values = cast(Callable[[Any], tuple[Any, ...]], attrgetter(*self._names))
        self._ids = [number for number, name in enumerate(self._names) if name in ids]
        self._row = self._struct(
            kind.__name__, {name: Any if name in ids else self._fields[name].type for name in self._names}
        )
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(self._row).decode

    def _struct(self, name: str, types: Mapping[str, Any]) -> type[msgspec.Struct]:
        """A struct of some of the fields, under their short names."""
        described = [(field, type_, self._default(field)) for field, type_ in types.items()]
        return msgspec.defstruct(name, described, omit_defaults=True, gc=False)

    def _default(self, name: str) -> Any:
        """The very object that is the field's default, and its short name."""
        field, short = self._fields[name], _short(self._names, name)
        if field.default is not msgspec.NODEFAULT:
            return msgspec.field(default=field.default, name=short)
        if field.default_factory is not msgspec.NODEFAULT:
            return msgspec.field(default_factory=field.default_factory, name=short)
        return msgspec.field(name=short)

    def pack(self, value: S) -> bytes:
        """The value in few bytes."""
        values = self._values(value)
        if self._ids:
            row = list(values)
            for number in self._ids:
                held = row[number]
                # An empty tuple stays itself: it may be the default.
                row[number] = short_id(held) if isinstance(held, str) else held and tuple(map(short_id, held))
            values = tuple(row)
        return tight(self._encode(self._row(*values)))

    def unpack(self, packed: bytes | memoryview, **others: Any) -> S:
        """What was packed; `others` are the fields left out."""
        values = dict(zip(self._names, self._values(self._decode(packed)), strict=True))
        for number in self._ids:
            name = self._names[number]
            held = values[name]
            values[name] = _long(held)
        return self._kind(**values, **others)

    def part(self, kind: type[P]) -> Callable[[bytes | memoryview], P]:
        """A reader of some of the fields of what was packed, those of `kind`; the others are not looked at."""
        wanted = {field.name: field.type for field in msgspec.structs.fields(kind)}
        ids = frozenset(self._names[number] for number in self._ids) & wanted.keys()
        row = self._struct(
            kind.__name__, {name: Any if name in ids else wanted[name] for name in self._names if name in wanted}
        )
        decode, names = msgspec.msgpack.Decoder(row).decode, tuple(wanted)

        def read(packed: bytes | memoryview) -> P:
            found = decode(packed)
            return kind(*[_long(getattr(found, name)) if name in ids else getattr(found, name) for name in names])

        return read


def _long(held: Any) -> Any:
    """An id, or a tuple of them; an empty tuple stays itself, since it may be the default."""
    return tuple(map(long_id, held)) if isinstance(held, list) else held and long_id(held)


def _short(names: Sequence[str], name: str) -> str:
    """The short name of a field: a letter, or two characters from the 53rd on."""
    number = names.index(name)
    return _LETTERS[number] if number < len(_LETTERS) else f"_{_LETTERS[number - len(_LETTERS)]}"


def tight(encoded: bytes) -> bytes:
    """A copy without the room that an encoder leaves behind what it has written."""
    return bytes(memoryview(encoded))
