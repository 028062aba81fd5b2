"""Loops of dependencies that a question imagines: refused as a real change is, for both sides would stay silent. Pure.

A loop is judged by what monitors depend on now. One monitor that would depend on itself is a loop; of several that are
given the same, each is given the others: in "all depend on the router" the router depends on nothing.
"""

from collections.abc import Iterable, Mapping, Sequence, Set

from query_api.what_if.settings import InvalidQuestion
from schemas.monitors import Monitor
from schemas.rejections import Rejection, RejectionCode
from schemas.what_if.questions import Chosen
from schemas.what_if.settings import Change

DEPENDS_ON = "depends_on"


def must_not_loop(field: str, changes: Iterable[Change], chosen: Sequence[Chosen], monitors: Sequence[Monitor]) -> None:
    """Raises `InvalidQuestion` of `field` when a chosen monitor would depend on itself in one of the changes."""
    values = [change.value for change in changes if change.name == DEPENDS_ON]
    ids = frozenset(one.id for one in chosen if one.kind == "monitor")
    known = {monitor.id: monitor.depends_on for monitor in monitors} if values else {}
    for value in values:
        assert isinstance(value, tuple)
        if looped := _looped(value, ids, known):
            reason = Rejection(RejectionCode.DEPENDENCY_LOOP, looped).reason
            raise InvalidQuestion(field, reason, setting=DEPENDS_ON)


def _looped(value: tuple[str, ...], ids: Set[str], known: Mapping[str, tuple[str, ...]]) -> str:
    """A chosen monitor that would depend on itself, the first by id; "" if there is none."""
    found: set[str] = set()
    for first in value:
        reached, above = set[str](), [first]
        while above:
            id = above.pop()
            if id not in reached:
                reached.add(id)
                above += [each for each in value if each != id] if id in ids else known.get(id, ())
        found |= (reached & ids) - ({first} if len(ids) > 1 else set())
    return min(found, default="")
