"""When API keys were last used: the records of `key-uses`, keyed by the id of the key, the newest of each kept.

Appended by the process that a key was shown to, at most once in `RESOLUTION` for each key and process. So the newest
use may be later than the newest record says, by less than that.
"""

from schemas.base import SECOND, Fact, Micros

RESOLUTION: Micros = 300 * SECOND


class KeyUsed(Fact, tag="key.used", frozen=True):
    """An API key was used at this time."""

    project: str
    key: str
    at: Micros
