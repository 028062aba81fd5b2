"""What an import has found: things to make, by the fields of the REST APIs, and what cannot be carried over. Pure.

Names tie things together, never ids: channels of a check, monitors of a window. `fields` are those of a body that makes
the thing (`query_api`), without what the ties stand for. A thing is found again by its `uuid`, else by its `slug`, else
by its `name`: so the second import of a source finds what the first one made.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pingfold.errors import CommandFailed

# Names of checks and channels; monitors may have longer ones.
LONGEST_NAME = 100


class NotReadable(CommandFailed):
    """The source is not what it was said to be; the message says where, why, and what to do."""


class NotCarried(CommandFailed):
    """A thing of a source cannot be carried over; the message says why."""


@dataclass(frozen=True, slots=True)
class WantedCheck:
    """A check. place: where it stands in the source, such as `line 3`. channels: names, or None: as they are.
    on_all: a new one is put on all channels of the project, as one that a first ping makes.

    name: of a new one; one that is there is renamed only when `fields` has the name, too.
    """

    place: str
    name: str
    slug: str
    fields: dict[str, Any]
    uuid: str | None = None
    paused: bool = False
    channels: tuple[str, ...] | None = None
    on_all: bool = False


@dataclass(frozen=True, slots=True)
class WantedMonitor:
    """A monitor; its channels by name."""

    place: str
    name: str
    fields: dict[str, Any]
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WantedChannel:
    """A channel, by the fields of its kind as the Management API takes them."""

    place: str
    name: str
    kind: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class WantedWindow:
    """A window of maintenance over monitors and checks, by name; over none of both: over all of the project."""

    place: str
    name: str
    fields: dict[str, Any]
    monitors: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Component:
    """A monitor or a check on a status page, by name."""

    kind: str
    thing: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class WantedPage:
    """A status page."""

    place: str
    name: str
    slug: str
    description: str = ""
    components: tuple[Component, ...] = ()


@dataclass(frozen=True, slots=True)
class Left:
    """Something that cannot be carried over. what: a thing or a field of it, as the source names it."""

    place: str
    what: str
    why: str


@dataclass(slots=True)
class Found:
    """All that a source holds, in its order."""

    checks: list[WantedCheck] = field(default_factory=list)
    monitors: list[WantedMonitor] = field(default_factory=list)
    channels: list[WantedChannel] = field(default_factory=list)
    windows: list[WantedWindow] = field(default_factory=list)
    pages: list[WantedPage] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)

    def leave(self, place: str, what: str, why: str) -> None:
        """Note what cannot be carried over."""
        self.left.append(Left(place, what, why))


def shortened(text: str, longest: int = LONGEST_NAME) -> str:
    """A text in one line without control characters, cut to `longest` characters."""
    line = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def unlike(names: Iterable[str], name: str) -> str:
    """The name, with the first number behind it that makes it unlike all of `names`."""
    taken = set(names)
    if name not in taken:
        return name
    number = 2
    while (other := f"{name[: LONGEST_NAME - 6]}-{number}") in taken:
        number += 1
    return other
