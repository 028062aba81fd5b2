"""Long work in stretches, for folds that run beside an event loop: no single call may take long. Pure."""

import heapq
from collections.abc import Iterable
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T", bound=Any)

# Sorting so many takes a few milliseconds; the interpreter cannot do anything else meanwhile.
_STRETCH = 5_000


def sorted_in_stretches(values: Iterable[T]) -> list[T]:
    """As `sorted`, but other threads may run in between."""
    left = iter(values)
    stretches = list(iter(lambda: sorted(islice(left, _STRETCH)), []))
    return stretches[0] if len(stretches) == 1 else list(heapq.merge(*stretches))
