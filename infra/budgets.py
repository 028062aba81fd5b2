"""Rate limits by token bucket: each key (an address, a project) has a budget that refills with time."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MOST_BUDGETS = 20_000


@dataclass(frozen=True)
class Budget:
    """So many at once, and one more every `seconds`."""

    most: int
    seconds: float


class Budgets:
    """What is spent, by key: of at most `most_kept`, those that were touched longest ago forgotten first."""

    def __init__(self, budget: Budget, monotonic: Callable[[], float], most_kept: int = MOST_BUDGETS) -> None:
        self._budget, self._monotonic, self._most_kept = budget, monotonic, most_kept
        self._spent: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str) -> float:
        """Seconds until one more is allowed; 0 at once."""
        return max(0.0, self._spent_now(key) - self._budget.most + 1) * self._budget.seconds

    def spend(self, key: str) -> None:
        """Count one."""
        self._spent[key] = (min(float(self._budget.most), self._spent_now(key) + 1), self._monotonic())
        self._spent.move_to_end(key)
        if len(self._spent) > self._most_kept:
            self._spent.popitem(last=False)

    def give_back(self, key: str) -> None:
        """One that was spent was not needed."""
        if (spent := self._spent_now(key)) > 1:
            self._spent[key] = (spent - 1, self._monotonic())
        else:
            self._spent.pop(key, None)

    def forgive(self, key: str) -> None:
        """Forget what was counted."""
        self._spent.pop(key, None)

    def __len__(self) -> int:
        return len(self._spent)

    def _spent_now(self, key: str) -> float:
        spent, at = self._spent.get(key, (0.0, 0.0))
        return max(0.0, spent - (self._monotonic() - at) / self._budget.seconds)
