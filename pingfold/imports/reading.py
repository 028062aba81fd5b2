"""Reading a source whole, within a bound, from a file or from standard input."""

import sys
from pathlib import Path

from pingfold.imports.things import NotReadable


def read_file(name: str, most: int) -> bytes:
    """The bytes of a file; of standard input for `-`. Raises `NotReadable`, also when there are more than `most`."""
    try:
        if name == "-":
            content = sys.stdin.buffer.read(most + 1)
        else:
            path = Path(name)
            if path.exists() and not path.is_file():
                raise NotReadable(f"{name} is no file")
            with path.open("rb") as file:
                content = file.read(most + 1)
    except OSError as error:
        raise NotReadable(f"{name} cannot be read: {error.strerror or error}") from None
    if len(content) > most:
        raise NotReadable(f"{name} is longer than {most:,} bytes, the most that is read")
    return content
