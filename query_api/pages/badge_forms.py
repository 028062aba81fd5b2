"""What a badge tells, in its forms: `svg`, `json` and `shields` (docs/compatibility/management.md). Pure.

Any cache may keep a badge for 15 s, and ask by its tag whether it still holds. Any script may read it.
"""

import hashlib
from typing import Literal, NamedTuple

from fastapi import Response

from query_api.healthchecks.status import StatusWord
from query_api.http.refusals import json_answer
from query_api.pages.drawing import AMBER, GREEN, RED, SAFE, SVG, drawn

FORMS = ("svg", "json", "shields")
MAX_AGE = 15

Word = Literal["up", "late", "down"]

# Of an SVG, and by the names of Shields.
_COLOURS: dict[Word, tuple[str, str]] = {
    "up": (GREEN, "success"),
    "late": (AMBER, "important"),
    "down": (RED, "critical"),
}


class Counts(NamedTuple):
    """Checks of a badge: all of them, those that are late, those that are down. What is new or paused is up."""

    total: int = 0
    grace: int = 0
    down: int = 0

    def plus(self, status: StatusWord) -> "Counts":
        """With a check of this status."""
        return Counts(self.total + 1, self.grace + (status == "grace"), self.down + (status == "down"))

    def word(self, states: int) -> Word:
        """The worst of them; of two states, what is late is up."""
        if self.down:
            return "down"
        return "late" if self.grace and states == 3 else "up"


def badge(title: str, counts: Counts, states: int, form: str) -> Response:
    """The answer in one of `FORMS`."""
    word = counts.word(states)
    colour, shields_colour = _COLOURS[word]
    headers = {"Cache-Control": f"public, max-age={MAX_AGE}", "Access-Control-Allow-Origin": "*"}
    if form == "svg":
        made = Response(drawn(title, word, colour), headers=headers | SAFE, media_type=SVG)
    elif form == "json":
        made = json_answer({"status": word} | counts._asdict(), headers=headers)
    else:
        told = {"schemaVersion": 1, "label": title, "message": word, "color": shields_colour}
        made = json_answer(told, headers=headers)
    made.headers["ETag"] = f'W/"{hashlib.sha256(bytes(made.body)).hexdigest()[:32]}"'
    return made
