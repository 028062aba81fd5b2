"""Which tests run in one process, one after the other, when several processes run tests at once.

Each file stays in one process, so that its fixtures are made once. All files that share a Pingfold go to the same one,
so that there is only one of it. The longest come first: what is left at the end fills what is free.
"""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

_ORDER = ("system", "containers", "integration", "contract", "property", "unit")
_SHARED = "the shared Pingfold"
_SHARES = re.compile(r"^(?:async )?def test_\w+\([^)]*\bpingfold: Pingfold", re.MULTILINE)


class FilesTogether(LoadScopeScheduling):  # type: ignore[misc]  # xdist tells no types
    """Hands out files, and those that share a Pingfold as one."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return _SHARED if _shares(self.config.rootpath / path) else path


@cache
def _shares(path: Path) -> bool:
    return _SHARES.search(path.read_text()) is not None


def uses_shared_pingfold(item: pytest.Item) -> bool:
    """Whether a test needs the Pingfold that all system tests share."""
    return "shared_pingfold" in getattr(item, "fixturenames", ())


def longest_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The tests in the order in which they are handed out."""
    return sorted(items, key=lambda item: (not uses_shared_pingfold(item), not _shares(item.path), _place(item.path)))


def _place(path: Path) -> int:
    kind = next((part for part in reversed(path.parts) if part in _ORDER), _ORDER[-1])
    return _ORDER.index(kind)


def scheduler(config: pytest.Config, log: Any) -> FilesTogether:
    """For xdist."""
    return FilesTogether(config, log)
