"""Channels of services, as other monitors write them, as the channels of Pingfold. Pure.

Each source says which of its options is which field of a kind; what a kind needs and the source does not have is told.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pingfold.imports.things import Found, WantedChannel


class Service(NamedTuple):
    """kind: of the channel. fields: which option of the source is which field. needed: those it cannot do without."""

    kind: str
    fields: Mapping[str, str]
    needed: tuple[str, ...]


def carry_channel(
    place: str, name: str, what: str, service: Service | None, options: Mapping[str, Any], found: Found
) -> bool:
    """Put a channel into what was found, or say why not; whether it was. what: how the source calls its kind."""
    if service is None:
        found.leave(place, f'"{name}" ({what})', "Pingfold has no such kind of channel")
        return False
    fields = {
        field: str(options[option]).strip()
        for field, option in service.fields.items()
        if options.get(option) not in (None, "", False)
    }
    if missing := [service.fields[field] for field in service.needed if not fields.get(field)]:
        found.leave(place, f'"{name}" ({what})', f"it has no {', '.join(missing)}")
        return False
    found.channels.append(WantedChannel(place, name, service.kind, fields))
    return True
