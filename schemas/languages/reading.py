"""How whoever reads a channel is told something: in which language, and in which time zone. Pure.

A time is written as ISO 8601 orders it in every language, with the short name that its zone has then, or its offset
where there is none: it is never taken for another, and needs no table that changes.
"""

from typing import NamedTuple

from schemas.languages.catalogues import ENGLISH, sentence
from schemas.languages.causes import told_cause
from schemas.schedules import BadTimezone, zone
from schemas.times import read_moment

UTC = "UTC"


class Reading(NamedTuple):
    """A language by its tag, and a time zone by its name. What is not known, as after a change of versions, is English
    and UTC."""

    language: str = ENGLISH
    timezone: str = UTC

    def says(self, key: str, **values: object) -> str:
        """A sentence."""
        return sentence(self.language, key, **values)

    def cause(self, text: str) -> str:
        """Why something happened, as far as that is known in other words."""
        return told_cause(self.language, text)

    def number(self, count: int) -> str:
        """10,000 in English; elsewhere a comma would be read as the beginning of a fraction."""
        told = f"{count:,}"
        return told if self.language == ENGLISH else told.replace(",", "\N{NO-BREAK SPACE}")

    def moment(self, text: str) -> str:
        """`2025-02-21 14:32:00 UTC`, of an ISO 8601 text in UTC."""
        if self.timezone == UTC or not text:
            return text.replace("T", " ").replace("+00:00", " UTC")
        try:
            moment = read_moment(text)
            if moment.tzinfo is None:
                raise ValueError("no moment")
            moment = moment.astimezone(zone(self.timezone))
        except (ValueError, OverflowError, BadTimezone):
            return text.replace("T", " ").replace("+00:00", " UTC")
        return f"{moment:%Y-%m-%d %H:%M:%S} {moment.tzname()}"


ENGLISH_UTC = Reading()
