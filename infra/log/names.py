"""What is found by its short name: checks and monitors by token, status pages by token, channels by number.

An index of the directory over definitions; looking something up never scans. Names of deployments with very many things
stand in one list of all tokens of four characters (13 MB), which takes less than a dictionary of them.
"""

from schemas.definitions import Channel, Check
from schemas.monitors import Monitor
from schemas.status_pages import StatusPage
from schemas.tokens import THING_LENGTH

_BASE = 36
_ALL_SHORT = _BASE**THING_LENGTH
# A dictionary of more entries is larger than the list.
_MANY = 100_000


class ByToken:
    """Ids by token. Written by one thread and read by another; every write is one atomic change."""

    def __init__(self, many: int = _MANY) -> None:
        self._many = many
        self._few: dict[str, str] = {}
        self._all: list[str | None] | None = None

    def get(self, token: str) -> str | None:
        """The id of the thing with this token."""
        table = self._all
        if table is not None and (place := _place(token)) is not None:
            return table[place]
        return self._few.get(token)

    def put(self, token: str, id: str) -> None:
        """A thing has this token."""
        place = _place(token)
        if self._all is not None and place is not None:
            self._all[place] = id
            return
        self._few[token] = id
        if self._all is None and len(self._few) > self._many:
            self._begin_list()

    def remove(self, token: str) -> None:
        """No thing has this token any more."""
        place = _place(token)
        if self._all is not None and place is not None:
            self._all[place] = None
        else:
            self._few.pop(token, None)

    def _begin_list(self) -> None:
        table: list[str | None] = [None] * _ALL_SHORT
        for token, id in self._few.items():
            if (place := _place(token)) is not None:
                table[place] = id
        self._all = table
        self._few = {token: id for token, id in self._few.items() if _place(token) is None}


def _place(token: str) -> int | None:
    """Where a token of four characters stands in the list of all."""
    if len(token) != THING_LENGTH or not (token.isascii() and token.isalnum() and token == token.lower()):
        return None
    return int(token, _BASE)


class Names:
    """Ids of things by their short names."""

    def __init__(self) -> None:
        self.things = ByToken()
        self.pages: dict[str, str] = {}
        self.channels: dict[int, str] = {}

    def change(self, id: str, before: object, after: object) -> None:
        """A definition was set or removed. A name comes and goes with its thing, and never goes to another one."""
        was, now = _name_of(before), _name_of(after)
        if was == now:
            return
        match after:
            case Check() | Monitor() if after.token:
                self.things.put(after.token, id)
            case StatusPage() if after.token:
                self.pages[after.token] = id
            case Channel() if after.number:
                self.channels[after.number] = id
            case _:
                pass
        match before:
            case Check() | Monitor():
                self.things.remove(before.token)
            case StatusPage():
                self.pages.pop(before.token, None)
            case Channel():
                self.channels.pop(before.number, None)
            case _:
                pass


def _name_of(definition: object) -> str | int:
    if isinstance(definition, Check | Monitor | StatusPage):
        return definition.token
    return definition.number if isinstance(definition, Channel) else ""
