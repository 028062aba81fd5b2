"""Identifiers: random ones for what people make, derived ones for what folds make.

A derived id depends on nothing but the thing and its own counters, so one pass over the journals gives the same ids
however often the work was interrupted.
"""

import re
from uuid import UUID, uuid4, uuid5

_NAMESPACE = UUID("8a6e0d0c-5d4b-4b0e-9a53-3f1f5b1f6d10")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")


def new_id() -> str:
    """A random UUID as text."""
    return str(uuid4())


def derived_id(*parts: str | int) -> str:
    """The same UUID for the same parts, for ever."""
    return str(uuid5(_NAMESPACE, ":".join(map(str, parts))))


def is_derived(id: str) -> bool:
    """Whether an id came from `derived_id`, not from `new_id`: the version of the UUID tells."""
    return is_uuid(id) and id[14] == "5"


def is_uuid(text: str) -> bool:
    """Whether `text` is a UUID in the canonical textual form, lower case."""
    return _UUID.match(text) is not None
