"""What a reader of the overview has asked for, as it stands in the URL. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, get_args
from urllib.parse import urlencode

from query_api.web.shown.things import Thing
from schemas.transitions import VisibleStatus

# What needs attention stands first; of what does not, all is alike.
RANKS: Mapping[VisibleStatus, int] = {"down": 0, "not_observed": 1, "late": 2}
SHOWN: tuple[VisibleStatus, ...] = ("down", "not_observed", "late", "new", "up", "maintenance", "paused")
_LAST_PAGE = 100_000
_LONGEST = 200


class OverviewFilter(NamedTuple):
    """statuses: those wanted; none: all. tag, project: empty: all. words: each must be found in a thing."""

    statuses: frozenset[str] = frozenset()
    tag: str = ""
    project: str = ""
    search: str = ""
    page: int = 1
    wall: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(self.search.casefold().split())

    def takes(self, thing: Thing) -> bool:
        """Whether a thing is wanted, whatever its status."""
        if self.tag and self.tag not in thing.tags:
            return False
        if not self.search:
            return True
        definition = thing.definition
        text = "\n".join((thing.name, getattr(definition, "slug", ""), thing.what, thing.id, *thing.tags)).casefold()
        return all(word in text for word in self.words)

    def takes_status(self, thing: Thing) -> bool:
        """Whether its status is wanted."""
        return not self.statuses or thing.status in self.statuses

    def query(self, **changed: object) -> str:
        """The query of the URL with this filter, changed so; `` without any. The page is the first, unless changed."""
        now = self._replace(page=1)._replace(**changed)  # type: ignore[arg-type]
        pairs: list[tuple[str, str]] = [("status", status) for status in SHOWN if status in now.statuses]
        pairs += [(name, value) for name, value in (("tag", now.tag), ("project", now.project)) if value]
        pairs += [("q", now.search)] if now.search else []
        pairs += [("page", str(now.page))] if now.page > 1 else []
        pairs += [("wall", "1")] if now.wall else []
        return f"?{urlencode(pairs)}" if pairs else ""

    @property
    def is_empty(self) -> bool:
        """Whether everything is wanted."""
        return not (self.statuses or self.tag or self.project or self.search)


def read_filter(pairs: Iterable[tuple[str, str]]) -> OverviewFilter:
    """The filter of a query. What it does not know says nothing; of a field that is repeated the last counts."""
    said: dict[str, str] = {}
    statuses: set[str] = set()
    for name, value in pairs:
        if name == "status":
            statuses |= {value} & {*get_args(VisibleStatus)}
        else:
            said[name] = value[:_LONGEST]
    page = said.get("page", "1")
    number = int(page) if page.isascii() and page.isdigit() and len(page) < 7 else 1
    return OverviewFilter(
        frozenset(statuses & {*SHOWN}),
        said.get("tag", ""),
        said.get("project", ""),
        said.get("q", "").strip(),
        min(max(1, number), _LAST_PAGE),
        said.get("wall") == "1",
    )
