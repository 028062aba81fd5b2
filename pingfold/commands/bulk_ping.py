"""`pingfold ping --bulk FILE`: the pings of a file, a JSON object a line, in requests with many lines each.

The file is read as it is sent, so it may be of any size. What becomes of each line is told by its number in the file
(docs/bulk-pings.md); lines that were not recorded are shown, and make the exit status 1.
"""

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import typer

from infra.settings.settings import Settings
from ingest.ping.bulk_lines import Lines, LongLine
from pingfold import credentials
from pingfold.commands.client import request
from pingfold.errors import CommandFailed

# Well within what one request may hold.
_LINES, _BYTES = 5_000, 8 * 2**20
_CHUNK = 64 * 2**10
_SECONDS = 60.0

_Batch = list[tuple[int, bytes]]


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
    body = b"\n".join(line for _, line in batch)
    answer = request(settings, "POST", "/ping/bulk", params=query, content=body, timeout=_SECONDS)
    if answer.is_error:
        raise CommandFailed(f"from line {batch[0][0]} on nothing was sent: {answer.status_code} {answer.text}")
    recorded = 0
    for told in map(json.loads, answer.text.splitlines()):
        if told["status"] < 300:
            recorded += 1
        else:
            typer.echo(f"line {batch[told['line'] - 1][0]}: {told['status']} {told['answer']}", err=True)
    return recorded
