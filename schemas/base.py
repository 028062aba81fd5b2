"""The base of every value that travels through Kafka, and the units they use.

Times are integers: microseconds since the Unix epoch, UTC (`Micros`). Durations that people choose are whole seconds.
Values are JSON objects tagged by `type`; fields that hold their default are left out, unknown fields are ignored, so
that an older process reads what a newer one writes.
"""

from typing import TypeAlias

import msgspec

Micros: TypeAlias = int
SECOND: Micros = 1_000_000


class Value(msgspec.Struct, tag_field="type", omit_defaults=True, kw_only=True, gc=False):
    """A mutable value: the records of state topics."""


class Fact(msgspec.Struct, tag_field="type", omit_defaults=True, kw_only=True, frozen=True, gc=False):
    """An immutable value: events, definitions and effects."""


_encoder = msgspec.json.Encoder()


def encode(value: msgspec.Struct) -> bytes:
    """The JSON bytes of a value, as they stand in Kafka."""
    return _encoder.encode(value)
