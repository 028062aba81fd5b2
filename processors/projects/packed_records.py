"""How the view of the fold of projects keeps checks, of which there may be very many. Pure."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from processors.fold.packed import Packer
from schemas.definitions import Check
from schemas.packing import Packing

P = TypeVar("P", bound=msgspec.Struct)

_checks = Packing(Check, ids=("id", "project", "channels"))


def part_of_check(kind: type[P]) -> Callable[[bytes], P]:
    """Reads the fields of `kind`, which are some of a check's, from a packed check."""
    return _checks.part(kind)


def _type_of(packed: bytes) -> type[msgspec.Struct]:
    return Check


PACKER = Packer({Check: _checks.pack}, _checks.unpack, _type_of)
