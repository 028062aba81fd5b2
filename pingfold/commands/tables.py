"""Output of commands: plain lines for terminals and text tools."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import typer

from schemas.base import Micros
from schemas.printable import printable
from schemas.times import to_minute


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns as wide as they need to be, two blanks between. What cannot be printed is replaced."""
    lines = [tuple(head), *(tuple(printable(cell) for cell in row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def minute(at: Micros | None) -> str:
    """A time for people, UTC; a dash when there is none."""
    return "-" if at is None else to_minute(at)


def minute_of(time: str | None) -> str:
    """The same of a time in ISO 8601, as the APIs write it."""
    return "-" if time is None else time[:16].replace("T", " ")


def say(*lines: str, err: bool = False) -> None:
    """Print lines in which names of others may stand, as a terminal can show them: one line each, whatever is in it."""
    for line in lines:
        typer.echo(printable(line), err=err)


def show(made: Any, as_json: bool) -> None:
    """Print the values of a mapping, a line each; or anything as JSON."""
    say(*([json.dumps(made)] if as_json else (f"{name}: {value}" for name, value in made.items())))
