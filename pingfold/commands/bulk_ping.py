"""`pingfold ping --bulk FILE`: the pings of a file, a JSON object a line, in requests with many lines each.

The file is read as it is sent, so it may be of any size. What becomes of each line is told by its number in the file
(docs/bulk-pings.md); lines that were not recorded are shown, and make the exit status 1.
"""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec
import typer

from infra.settings.settings import Settings
from ingest.ping.bulk_lines import Lines, LongLine
from pingfold import credentials
from pingfold.commands.client import request
from pingfold.commands.tables import say
from pingfold.errors import CommandFailed
from schemas.printable import quoted

# Well within what one request may hold.
_LINES, _BYTES = 5_000, 8 * 2**20
_CHUNK = 64 * 2**10
_SECONDS = 60.0

_SHOWN = 200

_Batch = list[tuple[int, bytes]]


class _Told(msgspec.Struct):
    """A line of the answer."""

    line: Annotated[int, msgspec.Meta(ge=1)]
    status: int
    answer: str
    unread: bool = False


_decode_lines = msgspec.json.Decoder(_Told).decode_lines


def send_file(settings: Settings, file: Path, create: bool) -> None:
    """Send the pings of a file, `-` for standard input. Raises `CommandFailed` when one of them is not recorded."""
    recorded = refused = 0
    try:
        with sys.stdin.buffer if str(file) == "-" else file.open("rb") as stream:
            for batch, too_long in _batches(stream):
                for number in too_long:
                    typer.echo(f"line {number}: 413 the line is too long", err=True)
                refused += len(too_long)
                taken = _send(settings, batch, create) if batch else 0
                recorded, refused = recorded + taken, refused + len(batch) - taken
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {error.strerror}") from None
    if refused:
        raise CommandFailed(f"{refused} of {recorded + refused} pings were not recorded")
    typer.echo(f"{recorded} pings recorded")


def _batches(stream: BinaryIO) -> Iterator[tuple[_Batch, list[int]]]:
    """Lines with their numbers, as many as one request may hold, and the numbers of those that no request may hold."""
    lines, batch, too_long, size = Lines(), list[tuple[int, bytes]](), list[int](), 0
    while True:
        chunk = stream.read(_CHUNK)
        for number, line in lines.cut(chunk) if chunk else lines.last():
            if isinstance(line, LongLine):
                too_long.append(number)
                continue
            if len(batch) == _LINES or size + len(line) > _BYTES:
                yield batch, too_long
                batch, too_long, size = [], [], 0
            batch.append((number, line))
            size += len(line)
        if not chunk:
            yield batch, too_long
            return


def _send(settings: Settings, batch: _Batch, create: bool) -> int:
    """One request; how many of its lines were recorded. The others are shown."""
    query = {"create": "1"} if create else {}
    # Without it lines with a slug have a key of their own, or are told that it is missing.
    with contextlib.suppress(credentials.NoCredentials):
        query["ping_key"] = credentials.load(credentials.path_of(settings)).ping_key
    recorded, last = 0, batch[-1][0]
    for one in _ask(settings, batch, query):
        if one.status < 300:
            recorded += 1
        elif one.line <= len(batch):
            number = batch[one.line - 1][0]
            lines = f"lines {number} to {last}" if one.unread and number < last else f"line {number}"
            say(f"{lines}: {one.status} {one.answer}", err=True)
    return recorded


def _ask(settings: Settings, batch: _Batch, query: dict[str, str]) -> list[_Told]:
    """What Pingfold answers to lines. Raises `CommandFailed` when it does not."""
    first, last, body = batch[0][0], batch[-1][0], b"\n".join(line for _, line in batch)
    try:
        answer = request(settings, "POST", "/ping/bulk", params=query, content=body, timeout=_SECONDS)
    except CommandFailed as error:
        told = f"lines {first} to {last} may be recorded or not, those after them were not sent: {error}"
        raise CommandFailed(told) from None
    if answer.is_error:
        raise CommandFailed(
            f"nothing was sent from line {first} on: {answer.status_code} {quoted(answer.text, _SHOWN)}"
        )
    try:
        return _decode_lines(answer.content)
    except msgspec.DecodeError:
        raise CommandFailed(f"nothing was sent from line {first} on: the server is not Pingfold") from None
