"""Which moment of the past a reader looks at, as it stands in the URL, and the steps from there. Pure.

`at` is the moment (ISO 8601; without an offset by the clock of the reader), without it now. `to` is the same in seconds
since 1970, as the slider sends it. `range` says how far back the slider goes; it reaches to the moment in any case.
"""

from collections.abc import Iterable
from datetime import tzinfo
from typing import NamedTuple
from urllib.parse import urlencode

from query_api.web.incidents.explained import read_time
from query_api.web.overview.overview_filter import OverviewFilter
from query_api.web.shown.time_range import DAY, HOUR, SPANS
from schemas.base import SECOND, Micros
from schemas.times import exact_iso

_DEFAULT = "7d"
# Of a slider: seconds from one of its places to the next, and how far it goes, in days.
_STEPS = ((1, 60), (7, 300), (30, 900), (90, 3_600))
_STEP_OF_YEARS = 21_600


class PastMoment(NamedTuple):
    """at: the moment. span: how far back the slider was asked to go. fault: what is wrong with what was asked for."""

    at: Micros
    span: str
    now: Micros
    fault: str = ""

    @property
    def slider(self) -> dict[str, int]:
        """`min`, `max`, `step` and `value`, seconds since 1970; the moment is at the place before or on it."""
        reach = max(SPANS[self.span], self.now - self.at)
        step = next((step for days, step in _STEPS if reach <= days * DAY), _STEP_OF_YEARS)
        last = -(-self.now // SECOND // step) * step
        first = max(0, (self.now - reach) // SECOND // step * step)
        return {"min": first, "max": last, "step": step, "value": self.at // SECOND // step * step}

    def query(self, at: Micros | None, wanted: OverviewFilter, page: int = 1) -> str:
        """The query of the URL of another moment, of the same things; None: of now."""
        pairs = [] if at is None else [("at", exact_iso(at))]
        pairs += [("range", self.span)] if self.span != _DEFAULT else []
        rest = wanted.query(page=page)[1:]
        told = "&".join(part for part in (urlencode(pairs), rest) if part)
        return f"?{told}" if told else ""

    def steps(self, before: Micros, after: Micros) -> list[tuple[str, Micros | None]]:
        """Where the links beside the slider lead: their words, and the moment; None: nowhere. before, after: the
        moments of the changes next to it; 0: there is none."""
        earlier = [(words, self.at - by if self.at >= by else None) for words, by in (("1 day", DAY), ("1 hour", HOUR))]
        later = [(words, min(self.now, self.at + by) if self.at < self.now else None)
                 for words, by in (("1 hour", HOUR), ("1 day", DAY))]  # fmt: skip
        return [
            *((f"{words} before", at) for words, at in earlier),
            ("Change before", before or None),
            ("Next change", after or None),
            *((f"{words} later", at) for words, at in later),
        ]


def read_past(pairs: Iterable[tuple[str, str]], now: Micros, zone: tzinfo) -> PastMoment:
    """The moment that a query names; what it does not know says nothing. zone: of a moment without an offset."""
    said = dict(pairs)
    span = said.get("range", "")
    to = said.get("to", "")
    at, fault = read_time(said.get("at", "").strip()[:100], now, zone)
    if to.isascii() and to.isdigit() and len(to) < 12:
        at, fault = int(to) * SECOND, ""
    return PastMoment(min(at, now), span if span in SPANS else _DEFAULT, now, fault)
