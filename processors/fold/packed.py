"""Records in few bytes, for folds that keep very many of them and look at few at a time. Pure.

A view packs the records of the types that a fold names, and unpacks them when they are asked for. The form is that of
this program only: it is never written anywhere. It is plain `bytes`: of those the garbage collector keeps no list.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec


class Packer(NamedTuple):
    """pack: by the type of record, how it is packed; other types are kept as they are. Of what any of them made,
    unpack: the record, a new object each time; type_of: its type."""

    pack: Mapping[type[msgspec.Struct], Callable[[Any], bytes]]
    unpack: Callable[[bytes], Any]
    type_of: Callable[[bytes], type[msgspec.Struct]]


def _nothing_is_packed(packed: bytes) -> Any:
    raise LookupError("the view holds a packed record, and was not told how to unpack it")


PLAIN = Packer({}, _nothing_is_packed, _nothing_is_packed)
