"""Times as a page shows them to its reader: in the zone that he chose, named once; in UTC without one. Pure.

Each is a `<time>` element with the exact moment in it, so that programs and other zones can read it, too.
"""

from dataclasses import dataclass
from datetime import tzinfo

from markupsafe import Markup

from schemas.base import SECOND, Micros
from schemas.duration_words import duration_words
from schemas.times import exact_iso, local_clock, local_day, local_minute, local_second, zone_word, zulu

_TIME = Markup('<time datetime="{}" title="{}">{}</time>')


@dataclass(frozen=True)
class ShownTimes:
    """zone, name: whose clock is shown. now: when the page was made."""

    zone: tzinfo
    name: str
    now: Micros

    @property
    def word(self) -> str:
        """The zone as it stands behind a time: `CET`."""
        return zone_word(self.now, self.zone)

    def clock(self, at: Micros) -> str:
        """`15:32` of today, else with the day: `2025-02-21 15:32`."""
        is_today = local_day(at, self.zone) == local_day(self.now, self.zone)
        return local_clock(at, self.zone) if is_today else local_minute(at, self.zone)

    def at(self, at: Micros | None) -> Markup:
        """A moment, to the second, with the zone's word; empty without one."""
        if at is None:
            return Markup()
        return self._element(at, f"{local_second(at, self.zone)} {zone_word(at, self.zone)}")

    def typed(self, at: Micros) -> str:
        """A moment as it stands in an input, to be read by `read_local`: by the reader's clock, exactly when that is
        not a whole second."""
        rest = at % SECOND
        return f"{local_second(at, self.zone)}{f'.{rest:06d}' if rest and at != self.now else ''}"

    def short(self, at: Micros | None) -> Markup:
        """The same as `clock` tells it."""
        return Markup() if at is None else self._element(at, self.clock(at))

    def ago(self, at: Micros | None) -> Markup:
        """`3 min ago`, `in 2 h`; empty without a moment."""
        if at is None:
            return Markup()
        seconds = (self.now - at) / SECOND
        words = f"{duration_words(seconds)} ago" if seconds >= 0 else f"in {duration_words(-seconds)}"
        return self._element(at, words)

    def iso_in(self, minutes: int) -> str:
        """So many minutes from now, as the APIs take a moment."""
        return exact_iso(self.now + 60 * minutes * SECOND)

    def _element(self, at: Micros, words: str) -> Markup:
        return _TIME.format(exact_iso(at), zulu(at), words)
