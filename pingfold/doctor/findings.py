"""What an examination has found: a line for people, with what to do where something is not well."""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

Level = Literal["ok", "warning", "problem"]


class Finding(NamedTuple):
    """level: `problem` keeps Pingfold from working, `warning` does not. do: what mends it; empty when it is well."""

    level: Level
    subject: str
    found: str
    do: str = ""


def examined(subject: str, examine: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """The findings of an examination; one that fails for a reason that it does not expect says so."""
    try:
        yield from examine()
    except Exception as error:
        words = str(error) or type(error).__name__
        yield Finding("problem", subject, f"cannot be examined: {words}", "report it, with the lines of this command")


def what_and_do(text: str) -> tuple[str, str]:
    """What is wrong, and what to do about it: as errors of ours are written, the advice behind a semicolon."""
    what, told, do = text.rpartition("; ")
    return (what, do) if told else (text, "")
