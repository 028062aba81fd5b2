"""What is wrong with declarations: where, in which field, and what to do. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from pingfold.errors import PingfoldError
from schemas.printable import printable

_MOST_TOLD = 200


class Place(NamedTuple):
    """Where something stands in a file. line, column: from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Problem(NamedTuple):
    """One thing that is wrong. place: None for what no file says. path: of the field, from its section on."""

    place: Place | None
    path: str
    words: str

    def __str__(self) -> str:
        return ": ".join(str(part) for part in self if part)


class InvalidDeclarations(PingfoldError):
    """Declarations that cannot be applied. `problems`: all of them, in the order of files and lines."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(dict.fromkeys(problems), key=lambda one: (one.place or Place("", 0, 0), one.path))
        told = [printable(str(problem)) for problem in self.problems[:_MOST_TOLD]]
        if more := len(self.problems) - len(told):
            told.append(f"and {more} more")
        super().__init__("\n".join(told))
