"""Memory that is shared: a few holders, whatever they hold, leave as much to each of the others. Pure.

A holder may have as much as it leaves free, and `of_one` at most; a little always, as long as there is any. So whoever
comes later finds room, and what is refused to a holder of more than a fair share is its own doing.
"""

from collections import Counter
from enum import Enum

# However little is free, a holder may have one of so many parts of all.
_LEAST = 1_024


class Fit(Enum):
    """Whether something has room."""

    YES = "yes"
    TOO_MUCH_OF_ONE = "too much of one"  # the holder has more than is left for others, or more than a fair share
    FULL = "full"  # there is no room for what anybody may have


class Shares:
    """`all`: bytes that all may hold together. held: by holder, of those who hold any."""

    def __init__(self, all: int, of_one: int) -> None:
        self._all, self._of_one = all, of_one
        self.held: Counter[str] = Counter()
        self._total = 0

    def take(self, holder: str, more: int) -> None:
        """It holds so much more, or less; whether that fits is another question."""
        self._total += more
        self.held[holder] += more
        if not self.held[holder]:
            del self.held[holder]

    def fit(self, holder: str) -> Fit:
        """Whether what a holder has now has room. If not, some of it is to be given back."""
        held, free, least = self.held[holder], self._all - self._total, self._all // _LEAST
        if free >= 0 and held <= min(self._of_one, max(free, least)):
            return Fit.YES
        fair = self._all // (len(self.held) + 1)
        return Fit.TOO_MUCH_OF_ONE if free > least or held > min(self._of_one, fair) else Fit.FULL
