"""Which tests run in one process, one after the other, when several processes run tests at once.

Those that share a Pingfold do, so that there is only one of it; so does the rest of each file, whose fixtures are then
made once. The longest come first: what is left at the end fills what is free.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest

_ORDER = ("system", "containers", "integration", "contract", "property", "unit")
_SHARED = "shared"


def uses_shared_pingfold(item: pytest.Item) -> bool:
    """Whether a test needs the Pingfold that all system tests share."""
    return "shared_pingfold" in getattr(item, "fixturenames", ())


def group(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The tests in the order in which they are to run, each with the name of its group."""
    for item in items:
        name = _SHARED if uses_shared_pingfold(item) else item.path.stem
        item.add_marker(pytest.mark.xdist_group(name))
    return sorted(items, key=lambda item: (not uses_shared_pingfold(item), _place(item.path)))


def _place(path: Path) -> int:
    kind = next((part for part in path.parts if part in _ORDER), _ORDER[-1])
    return _ORDER.index(kind)
