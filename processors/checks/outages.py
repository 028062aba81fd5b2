"""What the folds of projects are told of an outage of Pingfold that is over, by the checks of one partition. Pure.

Two facts: that it is over, for the projects of the partition of the same number, when it was long enough to be news
by itself; and for each project, how many of its checks could not be judged because of it. A check that is muted or in
maintenance is not among them.
"""

from processors.fold.contract import SAME, Effect
from schemas.base import SECOND, Micros
from schemas.check_states import CheckState
from schemas.definitions import Check
from schemas.project_outages import NAMED
from schemas.requests import OutageEnded, ThingsUnobserved
from schemas.topics import PROJECTS

# A restart takes some seconds: it is news only for whom it concerned.
NEWS: Micros = 60 * SECOND


def ended(start: Micros, end: Micros, time: Micros) -> list[Effect]:
    """No gap is open any more; those that followed each other without a pause lasted from `start` to `end`."""
    if end - start < NEWS:
        return []
    return [Effect(PROJECTS, "outage", OutageEnded(at=time, start=start, end=end), SAME)]


class Unjudged:
    """The checks that a tick could not judge, and those of which it knows for how long they could not be."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[Micros, Micros, dict[str, str]]] = {}

    def add(self, state: CheckState, check: Check, start: Micros, end: Micros) -> None:
        """A check, because of gaps from `start` to `end`."""
        if state.muted or state.maintained:
            return
        first, last, names = self._found.get(check.project, (start, end, {}))
        names[check.id] = check.name or check.slug or check.id
        self._found[check.project] = min(first, start), max(last, end), names

    def told(self, time: Micros) -> list[Effect]:
        """One fact for each project."""
        return [
            Effect(
                PROJECTS,
                project,
                ThingsUnobserved(
                    kind="check", at=time, start=start, end=end, count=len(names), names=tuple(names.values())[:NAMED]
                ),
            )
            for project, (start, end, names) in sorted(self._found.items())
        ]
