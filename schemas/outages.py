"""A time in which a thing was down."""

from msgspec import Struct

from schemas.base import Micros


class Outage(Struct, frozen=True, omit_defaults=True, gc=False):
    """An incident that is over: from its start to its end."""

    start: Micros
    end: Micros
